"""The stack of template.yaml on one machine: an emulator of AWS, the real SAM CLI, and what lies between them."""
