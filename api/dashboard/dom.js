// Makes elements; text is always text, never markup.

export const by = (id) => document.getElementById(id);

/** Make an element. `made("td", {class: "number"}, "1.00")`; a function as `onclick` and the like listens. */
export function made(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** Put children in place of those there are; what had the keyboard's focus has it again where it is still among them. */
export function fill(parent, ...children) {
  const focused = parent.contains(document.activeElement) && document.activeElement !== parent ? document.activeElement : null;
  parent.replaceChildren(...children.filter((child) => child !== null && child !== undefined));
  if (!focused || focused.isConnected) return;
  [...parent.querySelectorAll(focused.localName)].find((one) => named(one) === named(focused))?.focus({ preventScroll: true });
}

const named = (element) => element.getAttribute("aria-label") ?? element.textContent;

const LONG_ROWS = 40; // more than this scroll within their table: 500 positions pushed the chart 20 screens down

/** Make a table; on a narrow page each row becomes a card (hence the roles, which CSS would take away). Columns are [heading, cell of row, class]. */
export function table(caption, columns, rows) {
  const head = made("tr", { role: "row" }, ...columns.map(([heading, , kind]) => made("th", { scope: "col", role: "columnheader", class: kind }, heading)));
  const body = rows.map((row) => tableRow(columns, row));
  return made("div", { class: rows.length > LONG_ROWS ? "scroll long" : "scroll", tabindex: "0", role: "region", "aria-label": caption },
    made("table", { role: "table" }, made("caption", {}, caption), made("thead", { role: "rowgroup" }, head), made("tbody", { role: "rowgroup" }, ...body)));
}

/** Make one row of such a table. */
export function tableRow(columns, row) {
  return made("tr", { role: "row" }, ...columns.map(([heading, cell, kind], index) => {
    const content = made("span", { class: "cell" }, ...[cell(row)].flat());
    return index ? made("td", { role: "cell", class: kind, "data-heading": heading }, content) : made("th", { scope: "row", role: "rowheader", class: kind }, content);
  }));
}

/** Make a list of names and values; what has no value is left out. */
export function facts(pairs) {
  const rows = Object.entries(pairs).filter(([, value]) => value !== null && value !== undefined && value !== "");
  return made("dl", {}, ...rows.flatMap(([name, value]) => [made("dt", {}, name), made("dd", {}, String(value))]));
}

/** Make a link to a ticker's page. */
export const tickerLink = (ticker) => made("a", { href: `#/ticker/${encodeURIComponent(ticker)}` }, ticker);

/** A bar from the middle, left for below zero; the number is beside it for those who do not see it. */
export function bar(value, reach = 1) {
  const share = Math.min(1, Math.abs(value) / reach) * 50;
  const inner = made("span", { class: value < 0 ? "bar-fill below" : "bar-fill above" });
  inner.style.width = `${share}%`;
  inner.style.left = value < 0 ? `${50 - share}%` : "50%";
  return made("span", { class: "bar", "aria-hidden": "true" }, inner);
}
