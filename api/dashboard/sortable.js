// A table that is sorted by its headings, filtered by a word, turned page by page, and given as CSV.

import { fill, made, table, tableRow } from "./dom.js";

const PAGE_ROWS = 25; // however long the list, so many rows are drawn

/** Make the list. Columns are [heading, cell of row, class, value of row]; the value sorts, filters and goes into the CSV, without a cell it is not drawn. */
export function sortable({ caption, file, columns: all, rows, summary, first = "newest first" }) {
  const columns = all.filter(([, cell]) => cell), valued = all.filter(([, , , value]) => value);
  const state = { word: "", by: null, falling: true, page: 0 };
  const said = made("p", { class: "said", role: "status" });
  const link = made("a", { class: "button", download: file, href: "#", onclick: () => give() }, "CSV");
  const search = made("input", { type: "search", "aria-label": `Filter ${caption}`, placeholder: "Filter" });
  const order = made("select", { "aria-label": `Sort ${caption}`, class: "narrow" }, made("option", { value: "" }, first));
  const place = made("span", { class: "quiet" });
  const back = made("button", { class: "small", onclick: () => turn(-1) }, "Previous");
  const on = made("button", { class: "small", onclick: () => turn(1) }, "Next");
  const pager = made("p", { class: "filter", role: "group", "aria-label": `Pages of ${caption}` }, back, on, place);
  const places = rows.map((_, place) => place), prepared = new Map(); // each column's values, and the text, made once
  const whole = table(caption, columns, []), heads = [...whole.querySelectorAll("thead th")], body = whole.querySelector("tbody");
  let shown = rows;

  const prepare = (value) => {
    if (!prepared.has(value)) prepared.set(value, rows.map((row) => value(row) ?? null));
    return prepared.get(value);
  };
  const text = (row) => valued.map(([, , , value]) => value(row) ?? "").join("\n").toLowerCase();

  const choose = () => {
    const found = state.word ? places.filter((place) => prepare(text)[place].includes(state.word)) : places;
    shown = (state.by ? sorted(found, prepare(state.by), state.falling ? -1 : 1) : found).map((place) => rows[place]);
    state.page = 0;
    said.textContent = `${shown.length} of ${rows.length}${summary ? ` · ${summary(shown)}` : ""}`;
    heads.forEach((head, index) => mark(head, columns[index]));
    draw();
  };

  const draw = () => {
    const from = state.page * PAGE_ROWS, until = Math.min(from + PAGE_ROWS, shown.length);
    body.replaceChildren(...shown.slice(from, until).map((row) => tableRow(columns, row)));
    place.textContent = `${from + 1} to ${until} of ${shown.length}`;
    back.disabled = !from;
    on.disabled = until === shown.length;
    pager.hidden = shown.length <= PAGE_ROWS;
  };

  const turn = (pages) => {
    state.page += pages;
    draw();
    whole.scrollIntoView({ block: "start" });
  };

  const give = () => {
    URL.revokeObjectURL(link.href);
    link.href = URL.createObjectURL(new Blob([csv(valued, shown)], { type: "text/csv" }));
  };

  const mark = (head, [name, , , value]) => {
    if (!value) return;
    const by = state.by === value;
    if (by) head.setAttribute("aria-sort", state.falling ? "descending" : "ascending");
    else head.removeAttribute("aria-sort");
    head.firstChild.textContent = `${name}${by ? (state.falling ? " ▾" : " ▴") : ""}`;
  };

  const press = (value) => {
    state.falling = state.by === value ? !state.falling : true;
    state.by = value;
    choose();
  };

  heads.forEach((head, index) => {
    const [name, , , value] = columns[index];
    if (value) fill(head, made("button", { class: "sort", onclick: () => press(value) }, name));
  });
  // A narrow page has no headings to press.
  order.append(...valued.map(([name], index) => made("option", { value: index }, `by ${name.toLowerCase()}`)));
  order.addEventListener("change", () => {
    state.by = order.value === "" ? null : valued[order.value][3];
    state.falling = true;
    choose();
  });
  search.addEventListener("input", () => {
    state.word = search.value.trim().toLowerCase();
    choose();
  });
  choose();
  return made("div", {}, made("p", { class: "filter" }, search, order, link), said, whole, pager);
}

/** Sort places by what stands there, equals as they were; what has none is least. */
const sorted = (places, values, sign) => [...places].sort((a, b) => sign * compare(values[a], values[b]));

function compare(a, b) {
  if (a === null || b === null) return (a !== null) - (b !== null);
  return a < b ? -1 : a > b ? 1 : 0;
}

const quoted = (value) => `"${String(value ?? "").replaceAll('"', '""')}"`;

function csv(columns, rows) {
  return [columns.map(([name]) => quoted(name)), ...rows.map((row) => columns.map(([, , , value]) => quoted(value(row))))]
    .map((cells) => cells.join(",")).join("\r\n");
}
