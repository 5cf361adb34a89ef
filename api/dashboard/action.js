// What a decision did about a ticker, in a word: only what is held is held.

let held = new Set();

/** Note what is held now. */
export function note(positions) {
  held = new Set(positions.map(({ ticker }) => ticker));
}

export const isHeld = (ticker) => held.has(ticker);

/** Say what was done; `holds` is whether the ticker was held, undefined where that is not known. */
export const acted = (action, holds) => (action !== "hold" || holds ? action : holds === undefined ? "no change" : "no entry");
