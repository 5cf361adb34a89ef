// Taxes: a year's realised gains by tax lot, the lots that are left, and losses that buying back would disallow.

import { ask } from "./ask.js";
import { by, fill, made, table, tickerLink } from "./dom.js";
import { downloadButton } from "./download.js";
import { money, shares, tone } from "./format.js";
import { sortable } from "./sortable.js";

const TOTALS = [["Proceeds", "proceeds_usd"], ["Basis", "basis_usd"], ["Disallowed losses", "disallowed_usd"], ["Gain", "gain_usd"]];
const toned = (value) => made("span", { class: tone(Number(value)) }, money(value));

/** Show a year; empty is this one. */
export async function load(failed, year) {
  const found = await ask(`/taxes${year ? `?year=${encodeURIComponent(year)}` : ""}`);
  const chosen = made("input", { id: "taxes-year", type: "number", min: 1990, max: 2200, value: found.year });
  chosen.onchange = () => {
    location.hash = `#/taxes/${chosen.value}`;
  };
  fill(by("taxes"),
    made("p", { class: "filter" }, made("label", { for: "taxes-year" }, "Year"), chosen,
      downloadButton("Form 8949", `/taxes/8949.csv?year=${found.year}`, `form8949-${found.year}.csv`, failed)),
    made("p", { class: "said" }, `${found.advice} Until ${found.may_change_until} a purchase can still disallow a loss of ${found.year}.`),
    ...found.notes.map((text) => made("p", { class: "bad" }, text)),
    table(`Sales of ${found.year}`, [["Term", ([term]) => term], ...TOTALS.map(([heading, name]) => [heading, ([, sums]) => (name === "gain_usd" ? toned(sums[name]) : money(sums[name])), "number"])],
      [["Short term", found.short_term], ["Long term", found.long_term]]),
    sales(found), lots(found), losses(found));
}

function sales({ year, sales: rows }) {
  if (!rows.length) return made("p", { class: "empty" }, `Nothing was sold in ${year}.`);
  const column = (heading, name) => [heading, (row) => (name === "gain_usd" ? toned(row[name]) : money(row[name])), "number", (row) => Number(row[name])];
  return sortable({ caption: "Sales by lot", file: `sales_${year}.csv`, rows: [...rows].reverse(), columns: [
    ["Ticker", ({ ticker }) => tickerLink(ticker), "", ({ ticker }) => ticker], ["Shares", ({ quantity }) => shares(quantity), "number", ({ quantity }) => Number(quantity)],
    ["Bought", ({ acquired }) => acquired ?? "not known", "", ({ acquired }) => acquired], ["Sold", ({ sold }) => sold, "", ({ sold }) => sold],
    ...TOTALS.map(([heading, name]) => column(heading, name)), ["Term", ({ is_long_term: long }) => (long ? "long" : "short"), "", ({ is_long_term: long }) => (long ? "long" : "short")],
  ] });
}

function lots({ lots: rows }) {
  if (!rows.length) return made("p", { class: "empty" }, "No lot is held.");
  return table("Lots held", [
    ["Ticker", ({ ticker }) => tickerLink(ticker)], ["Shares", ({ quantity }) => shares(quantity), "number"], ["Bought", ({ acquired }) => acquired],
    ["Held since", ({ held_since: since }) => since], ["Basis", ({ basis_usd: basis }) => money(basis), "number"],
  ], rows);
}

function losses({ open_losses: rows }) {
  if (!rows.length) return null;
  return table("Losses that buying back would disallow", [
    ["Ticker", ({ ticker }) => tickerLink(ticker)], ["Sold", ({ sold }) => sold], ["Shares", ({ quantity }) => shares(quantity), "number"],
    ["Loss", ({ loss_usd: loss }) => money(loss), "number"], ["Until", ({ until }) => until],
  ], rows);
}
