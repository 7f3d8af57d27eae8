"use strict";

// The JSON of a document (docs/item-format.md), and how two of them differ.

const { isDeepStrictEqual } = require("node:util");

// Values that only other languages have stay as they are; what merely looks like one is wrapped.
const FOREIGN = ["$bytes", "$date", "$datetime", "$decimal", "$frozenset", "$set", "$tuple", "$uuid"];

function isEmpty(object) {
  return Object.keys(object).length === 0;
}

function isObject(value) {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}

function tagged(document) {
  return mapped(document, wrapped);
}

function wrapped(value) {
  if (Array.isArray(value)) return value.map(wrapped);
  if (!isObject(value)) return value;
  const [name, ...others] = Object.keys(value);
  const isTag = name?.startsWith("$") && others.length === 0 && !FOREIGN.includes(name);
  return isTag ? { $object: tagged(value) } : tagged(value);
}

function untagged(document) {
  return mapped(document, unwrapped);
}

function unwrapped(value) {
  if (Array.isArray(value)) return value.map(unwrapped);
  if (!isObject(value)) return value;
  const isWrapped = Object.keys(value).length === 1 && isObject(value.$object);
  return untagged(isWrapped ? value.$object : value);
}

function mapped(object, change) {
  return Object.fromEntries(Object.entries(object).map(([name, value]) => [name, change(value)]));
}

/** Their document with what we changed of the one that both began with. */
function merged(base, mine, theirs) {
  const result = new Map(Object.entries(theirs));
  for (const name of new Set([...Object.keys(base), ...Object.keys(mine)])) {
    const has = Object.hasOwn(mine, name);
    if (has === Object.hasOwn(base, name) && isDeepStrictEqual(base[name], mine[name])) continue;
    if (has) result.set(name, mine[name]);
    else result.delete(name);
  }
  return Object.fromEntries(result);
}

/** The merge patch (RFC 7396) that turns one object into another; undefined where a null is to be stored. */
function patchOf(before, after) {
  const patch = new Map();
  for (const name of new Set([...Object.keys(before), ...Object.keys(after)])) {
    if (!Object.hasOwn(after, name)) {
      patch.set(name, null);
    } else if (!Object.hasOwn(before, name) || !isDeepStrictEqual(before[name], after[name])) {
      const value = isObject(after[name]) ? patchOf(isObject(before[name]) ? before[name] : {}, after[name]) : after[name];
      if (value === undefined || value === null) return undefined;
      patch.set(name, value);
    }
  }
  return Object.fromEntries(patch);
}

module.exports = { isEmpty, isObject, merged, patchOf, tagged, untagged };
