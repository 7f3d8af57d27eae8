"""What a document is: as Python values, as JSON text, as stored bytes, sealed, and merged."""
