// Numbers and times as people read them.

const dollars = new Intl.NumberFormat("en-US", { style: "currency", currency: "USD" });
const DAY = { year: "numeric", month: "short", day: "numeric" };
const clock = new Intl.DateTimeFormat("en-GB", { ...DAY, hour: "2-digit", minute: "2-digit", second: "2-digit", timeZoneName: "short" });
const days = new Intl.DateTimeFormat("en-GB", { ...DAY, timeZone: "America/New_York" });
const hours = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", timeZoneName: "short" });
const seconds = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", second: "2-digit" });
const exchange = new Intl.DateTimeFormat("en-US", { weekday: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone: "America/New_York", timeZoneName: "short" });
const count = new Intl.NumberFormat("en-US", { maximumFractionDigits: 2 });
const small = new Intl.NumberFormat("en-US", { maximumFractionDigits: 9 }); // the least of a share that a broker keeps
const NOTHING = "–";

export const known = (value) => value !== null && value !== undefined && value !== "";
export const money = (value) => {
  if (!known(value)) return NOTHING;
  const text = dollars.format(Math.abs(Number(value)));
  return Number(value) < 0 && /[1-9]/.test(text) ? `−${text}` : text; // nothing is not below it
};
export const gain = (value) => (Number(value) > 0 && /[1-9]/.test(money(value)) ? `+${money(value)}` : money(value));
export const signed = (value, digits = 2) => {
  if (!known(value)) return NOTHING;
  const text = Math.abs(Number(value)).toFixed(digits);
  return Number(text) ? `${value > 0 ? "+" : "−"}${text}` : text; // nothing is neither above nor below it
};
export const percent = (value, digits = 1) => (known(value) ? `${signed(100 * value, digits)}\u00a0%` : NOTHING); // the sign stays on its line
export const moment = (iso) => (iso ? clock.format(new Date(iso)) : NOTHING);
export const day = (iso) => (iso ? days.format(new Date(iso)) : NOTHING); // the exchange's day
export const clockTime = (iso) => (iso ? seconds.format(new Date(iso)) : NOTHING);
export const hour = (iso) => (iso ? hours.format(new Date(iso)) : NOTHING);
/** Say in which zones the page's times are, and what time it is at the exchange. */
export const zones = (now = new Date()) =>
  `Times are in your zone, ${new Intl.DateTimeFormat().resolvedOptions().timeZone}; sessions and days are the exchange's (New York, ${exchange.format(now)} there now).`;
export const shares = (quantity) => (Math.abs(quantity) < 0.01 ? small : count).format(Number(quantity) || 0);
export const tone = (value) => (value > 0 ? "good" : value < 0 ? "bad" : "");
export const words = (name) => String(name).replaceAll("_", " ");

export function countdown(iso, now = Date.now()) {
  const seconds = Math.round((new Date(iso) - now) / 1000);
  if (seconds <= 0) return "due";
  const hours = Math.floor(seconds / 3600), minutes = Math.floor(seconds / 60) % 60;
  if (hours >= 48) return `in ${Math.floor(hours / 24)} days`;
  return `in ${hours ? `${hours} h ` : ""}${minutes} min ${hours ? "" : `${seconds % 60} s`}`.trim();
}

export function age(seconds) {
  if (!known(seconds)) return "none yet";
  if (seconds < 120) return `${Math.round(seconds)} s ago`;
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min ago`;
  return seconds < 172_800 ? `${Math.round(seconds / 3_600)} h ago` : `${Math.round(seconds / 86_400)} days ago`;
}
