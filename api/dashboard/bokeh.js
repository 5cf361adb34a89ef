// Loads Bokeh's own files from the daemon, and draws in the page's colours.

import { made } from "./dom.js";

const LIBRARY = ["/dashboard/library/bokeh.min.js", "/dashboard/library/bokeh-api.min.js"];
const NARROW_PX = 600;
let library = null;

/** Load the library's own files, once and in order. */
export function load() {
  library ??= LIBRARY.reduce((before, src) => before.then(() => new Promise((resolve, reject) => {
    document.head.append(made("script", { src, onload: resolve, onerror: () => reject(new Error(`${src} did not load`)) }));
  })), Promise.resolve());
  return library;
}

/** Say which line is whose; `lines` are [name, colour, dash]. */
export function legend(lines) {
  return made("p", { class: "legend" }, ...lines.map(([name, ink, dash, px = 3]) => {
    const swatch = made("i", { class: "swatch", "aria-hidden": "true" });
    swatch.style.borderTop = `${px}px ${dash} var(${ink})`;
    return made("span", {}, swatch, name);
  }));
}

export const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** Make an empty figure over time. */
export function figure(options) {
  return window.Bokeh.Plotting.figure({ x_axis_type: "datetime", sizing_mode: "stretch_width", toolbar_location: null, tools: "xpan,xwheel_zoom,reset", active_scroll: null, ...options });
}

/** Give a figure the page's colours; `format` is of its vertical axis. */
export function style(drawn, format) {
  const text = color("--text"), faint = color("--line");
  Object.assign(drawn, { background_fill_color: null, border_fill_color: null, outline_line_color: faint, min_border_left: 62 });
  for (const axis of [...drawn.xaxis, ...drawn.yaxis]) {
    Object.assign(axis, { major_label_text_color: text, axis_line_color: faint, major_tick_line_color: faint, minor_tick_line_color: null, major_label_text_font_size: "12px" });
  }
  for (const axis of drawn.xaxis) axis.ticker.desired_num_ticks = innerWidth < NARROW_PX ? 4 : 8;
  for (const axis of drawn.yaxis) axis.formatter = new window.Bokeh.NumeralTickFormatter({ format });
  for (const grid of [...drawn.xgrid, ...drawn.ygrid]) grid.grid_line_color = faint;
}

/** Show figures below one another in a place, which is emptied first; return the view. */
export function show(figures, place) {
  place.replaceChildren();
  const grid = window.Bokeh.Plotting.gridplot(figures.map((one) => [one]), { sizing_mode: "stretch_width", toolbar_location: null });
  return window.Bokeh.Plotting.show(grid, place);
}
