// Messages from Python, and what is kept of them. Their format is described in recording.py.

/** Header and still deflated payload of a message. */
export function parse(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (String.fromCharCode(...bytes.subarray(0, 4)) !== "CTV1") throw new Error("These bytes are no message of ctviz.");
  const length = view.getUint32(4, true);
  return { header: JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length))), payload: bytes.subarray(8 + length) };
}

export async function inflate(payload) {
  const stream = new Blob([payload]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).arrayBuffer();
}

const KINDS = { float32: Float32Array, uint16: Uint16Array, uint8: Uint8Array };

/** The payload's arrays by name. */
export function sections({ sections: described }, buffer) {
  const arrays = {};
  let at = 0;
  for (const [name, type, length] of described) {
    arrays[name] = new KINDS[type](buffer, at, length);
    at += arrays[name].byteLength;
  }
  return arrays;
}

export const bytesOf = (base64) => Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));

/** Contents that survive a change of page, by key; of more than `most`, the least recently used is let go. */
export function kept(name, most) {
  const contents = (globalThis[name] ??= new Map());
  const set = (key, content) => {
    contents.delete(key);
    contents.set(key, content);
    if (contents.size > most) contents.delete(contents.keys().next().value);
  };
  const get = (key) => {
    if (contents.has(key)) set(key, contents.get(key));
    return contents.get(key);
  };
  return { get, set, has: (key) => contents.has(key) };
}
