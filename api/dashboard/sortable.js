// A table that is sorted by its headings, filtered by a word, and given as CSV.

import { fill, made, table } from "./dom.js";

/** Make the list. Columns are [heading, cell of row, class, value of row]; the value sorts, filters and goes into the CSV. */
export function sortable({ caption, file, columns, rows, summary }) {
  const state = { word: "", by: null, falling: true };
  const said = made("p", { class: "said", role: "status" });
  const link = made("a", { class: "button", download: file }, "CSV");
  const search = made("input", { type: "search", "aria-label": `Filter ${caption}`, placeholder: "Filter" });
  const order = made("select", { "aria-label": `Sort ${caption}`, class: "narrow" }, made("option", { value: "" }, "newest first"));
  const valued = columns.filter(([, , , value]) => value);

  const whole = table(caption, columns, rows), heads = [...whole.querySelectorAll("thead th")];
  const body = whole.querySelector("tbody"), drawn = new Map([...body.children].map((row, index) => [rows[index], row])); // made once, then only moved

  const draw = () => {
    const shown = rows.filter((row) => valued.some(([, , , value]) => String(value(row) ?? "").toLowerCase().includes(state.word)));
    if (state.by) shown.sort((a, b) => compare(state.by(a), state.by(b)) * (state.falling ? -1 : 1));
    said.textContent = `${shown.length} of ${rows.length}${summary ? ` · ${summary(shown)}` : ""}`;
    URL.revokeObjectURL(link.href);
    link.href = URL.createObjectURL(new Blob([csv(valued, shown)], { type: "text/csv" }));
    body.replaceChildren(...shown.map((row) => drawn.get(row)));
    heads.forEach((head, index) => mark(head, columns[index]));
  };

  const mark = (head, [name, , , value]) => {
    if (!value) return;
    const sorted = state.by === value;
    if (sorted) head.setAttribute("aria-sort", state.falling ? "descending" : "ascending");
    else head.removeAttribute("aria-sort");
    head.firstChild.textContent = `${name}${sorted ? (state.falling ? " ▾" : " ▴") : ""}`;
  };

  const press = (value) => {
    state.falling = state.by === value ? !state.falling : true;
    state.by = value;
    draw();
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
    draw();
  });
  search.addEventListener("input", () => {
    state.word = search.value.trim().toLowerCase();
    draw();
  });
  draw();
  return made("div", {}, made("p", { class: "filter" }, search, order, link), said, whole);
}

function compare(a, b) {
  if (a === null || a === undefined) return b === null || b === undefined ? 0 : -1;
  if (b === null || b === undefined) return 1;
  return typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b));
}

const quoted = (value) => `"${String(value ?? "").replaceAll('"', '""')}"`;

function csv(columns, rows) {
  return [columns.map(([name]) => quoted(name)), ...rows.map((row) => columns.map(([, , , value]) => quoted(value(row))))]
    .map((cells) => cells.join(",")).join("\r\n");
}
