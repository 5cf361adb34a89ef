// Every setting: its value, its default, what says so, and what it means.

import { ask } from "./ask.js";
import { by, fill, made } from "./dom.js";
import { sortable } from "./sortable.js";

const SHOWN_CHARACTERS_MAX = 80;
const text = (value) => JSON.stringify(value);
const short = (value) => (text(value).length > SHOWN_CHARACTERS_MAX ? made("span", { title: text(value) }, `${text(value).slice(0, SHOWN_CHARACTERS_MAX)} …`) : text(value));

const COLUMNS = [
  ["Key", ({ key, meaning, unit }) => [made("code", {}, key), made("br"), made("small", {}, `${meaning}${unit ? ` (${unit})` : ""}`)], "text", ({ key }) => key],
  ["Value", ({ value }) => short(value), "text", ({ value }) => text(value)],
  ["Default", ({ default: value }) => short(value), "text", ({ default: value }) => text(value)],
  ["Comes from", ({ origin }) => origin, "text", ({ origin }) => origin],
  ["Meaning", null, "", ({ meaning }) => meaning],
  ["Allowed", ({ allowed }) => allowed, "text", ({ allowed }) => allowed],
];

export async function load() {
  const { settings } = await ask("/config");
  const own = settings.filter(({ origin }) => origin !== "default").length;
  fill(by("config"),
    made("p", { class: "said" }, `${own} of ${settings.length} keys are not at their default. Secrets are masked. To change one: trading-engine config set KEY VALUE, or config/trading.json and config/risk.json.`),
    sortable({ caption: "Settings", file: "settings.csv", columns: COLUMNS, rows: settings, first: "as in the reference" }));
}
