/** Cuts an event's data to plain, finite, small JSON: the gateway refuses what is not, and phones choke on the rest. */

const DEPTH_MAX = 8;
const NODES_MAX = 1_000;
const KEYS_MAX = 100;
const STRING_CHARACTERS_MAX = 2_000;

/** Give a copy within the limits; what is cut off becomes null or shorter, never an error. */
export function sanitise(value) {
  let nodes = 0;
  const copy = (part, depth) => {
    nodes += 1;
    if (nodes > NODES_MAX || depth > DEPTH_MAX) return null;
    if (typeof part === "string") return part.slice(0, STRING_CHARACTERS_MAX);
    if (typeof part === "number") return Number.isFinite(part) ? part : null;
    if (typeof part === "boolean" || part === null) return part;
    if (Array.isArray(part)) return part.slice(0, KEYS_MAX).map((item) => copy(item, depth + 1));
    if (typeof part !== "object") return null;
    const entries = Object.entries(part).slice(0, KEYS_MAX);
    return Object.fromEntries(entries.map(([name, item]) => [name.slice(0, STRING_CHARACTERS_MAX), copy(item, depth + 1)]));
  };
  return copy(value, 0);
}

/** Turn a topic such as `signal.buy` into an event name that the gateway takes: `signal_buy`. */
export function eventName(topic) {
  const name = topic.toLowerCase().replace(/[^a-z0-9_-]/g, "_").slice(0, 64);
  return /^[a-z]/.test(name) ? name : `event_${name}`;
}
