// A reader and a writer of item formats 1 and 2 in another language, from docs/item-format.md and Node's own modules alone.
// Checks every vector it is given; prints what it checked and a document that it wrote itself.

import assert from "node:assert/strict";
import { createCipheriv, createDecipheriv, createHash, hkdfSync } from "node:crypto";
import { readFileSync } from "node:fs";
import { constants, deflateSync, inflateSync } from "node:zlib";

const vectors = JSON.parse(readFileSync(process.argv[2], "utf8"));
const dictionary = Buffer.from(vectors.dictionaries["1"].text, "ascii");

const FORMAT = 1;
const SEALED = 2;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const PLAIN = 0;
const DEFLATED = 1;
const ITEM_ALLOWANCE = 450;

function decode(encoded, maxBytes) {
  assert.equal(encoded[0], FORMAT, "unknown format");
  const payload = encoded.subarray(2);
  const text = encoded[1] === PLAIN ? payload : inflate(encoded[1], payload, maxBytes);
  assert.ok(text.length <= maxBytes, "too large");
  return text;
}

function inflate(flag, payload, maxBytes) {
  assert.equal(flag, DEFLATED, "unknown flag");
  const { buffer, engine } = inflateSync(payload, { dictionary, maxOutputLength: maxBytes, info: true });
  assert.equal(engine.bytesWritten, payload.length, "something follows the stream");
  return buffer;
}

function encode(text) {
  const units = (bytes) => Math.ceil((ITEM_ALLOWANCE + 2 + bytes) / 1024);
  const deflated = deflateSync(text, { dictionary, level: constants.Z_DEFAULT_COMPRESSION });
  const pays = units(deflated.length) < units(text.length);
  return Buffer.concat([Buffer.from([FORMAT, pays ? DEFLATED : PLAIN]), pays ? deflated : text]);
}

function part(bytes) {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

function parse(token) {
  const found = /^sjn_([A-Za-z0-9_-]{12})([A-Za-z0-9_-]{24})$/.exec(token);
  return found && { sessionId: found[1], secret: Buffer.from(found[2], "base64url") };
}

function hashOf(token, namespace) {
  const parts = ["sojourn-v1", namespace, token].map((text) => part(Buffer.from(text)));
  return createHash("sha256").update(Buffer.concat(parts)).digest();
}

function keyOf(token) {
  return Buffer.from(hkdfSync("sha256", parse(token).secret, "", "sojourn-document-2", 32));
}

function boundTo({ session_id, version, write_id, subject }) {
  const parts = [session_id, String(version), write_id, subject ?? ""];
  return Buffer.concat(parts.map((text) => part(Buffer.from(text))));
}

function seal(encoded, token, item, nonce) {
  const cipher = createCipheriv("aes-256-gcm", keyOf(token), nonce).setAAD(boundTo(item));
  return Buffer.concat([Buffer.from([SEALED]), nonce, cipher.update(encoded), cipher.final(), cipher.getAuthTag()]);
}

function open(sealed, token, item) {
  assert.equal(sealed[0], SEALED, "not sealed");
  assert.ok(sealed.length >= 1 + NONCE_BYTES + TAG_BYTES, "cut short");
  const nonce = sealed.subarray(1, 1 + NONCE_BYTES);
  const tag = sealed.subarray(sealed.length - TAG_BYTES);
  const decipher = createDecipheriv("aes-256-gcm", keyOf(token), nonce).setAAD(boundTo(item)).setAuthTag(tag);
  return Buffer.concat([decipher.update(sealed.subarray(1 + NONCE_BYTES, -TAG_BYTES)), decipher.final()]);
}

for (const { name, text, encoded } of vectors.documents) {
  const stored = Buffer.from(encoded, "hex");
  assert.equal(decode(stored, 1 << 20).toString("utf8"), text, name);
  assert.equal(encode(Buffer.from(text))[1], stored[1], name);
  assert.equal(decode(encode(Buffer.from(text)), 1 << 20).toString("utf8"), text, name);
}
for (const { name, encoded, max_bytes } of vectors.refused_encodings) {
  assert.throws(() => decode(Buffer.from(encoded, "hex"), max_bytes), undefined, name);
}
for (const { name, token, namespace, session_id, key, token_hash } of vectors.tokens) {
  assert.equal(parse(token).sessionId, session_id, name);
  assert.equal(parse(token).secret.length, 18, name);
  assert.equal(`${namespace}#${session_id}`, key, name);
  assert.equal(hashOf(token, namespace).toString("hex"), token_hash, name);
}
for (const { name, token } of vectors.refused_tokens) {
  assert.equal(parse(token), null, name);
}
for (const { name, token, namespace, former_tokens, item, text } of vectors.items) {
  const hashes = former_tokens.map((former) => hashOf(former, namespace));
  assert.equal(item.session_id.S, `${namespace}#${parse(token).sessionId}`, name);
  assert.equal(item.token_hash.B, hashOf(token, namespace).toString("base64"), name);
  assert.equal(item.former_hashes?.B ?? "", Buffer.concat(hashes).toString("base64"), name);
  if (item.overflow) assert.ok(item.overflow.S.startsWith(`${item.session_id.S.replace("#", "/")}/`), name);
  if (item.data) assert.equal(decode(Buffer.from(item.data.B, "base64"), 1 << 20).toString("utf8"), text, name);
}
for (const vector of vectors.sealed) {
  const [sealed, encoded, nonce] = [vector.sealed, vector.encoded, vector.nonce].map((hex) => Buffer.from(hex, "hex"));
  assert.equal(keyOf(vector.token).toString("hex"), vector.key, vector.name);
  assert.equal(boundTo(vector).toString("hex"), vector.bound_to, vector.name);
  assert.deepEqual(open(sealed, vector.token, vector), encoded, vector.name);
  assert.deepEqual(seal(encoded, vector.token, vector, nonce), sealed, vector.name);
}
for (const vector of vectors.refused_seals) {
  assert.throws(() => open(Buffer.from(vector.sealed, "hex"), vector.token, vector), undefined, vector.name);
}

const items = Array.from({ length: 200 }, () => [
  { $tuple: [1, "ä"] },
  { $bytes: Buffer.from([0, 255]).toString("base64") },
]).flat();
const written = encode(Buffer.from(JSON.stringify({ at: { $datetime: new Date(1769860800000).toISOString() }, items })));
assert.equal(written[1], DEFLATED);

const checked = ["documents", "refused_encodings", "tokens", "refused_tokens", "items", "sealed", "refused_seals"];
console.log(
  JSON.stringify({
    checked: Object.fromEntries(checked.map((name) => [name, vectors[name].length])),
    encoded: written.toString("hex"),
  }),
);
