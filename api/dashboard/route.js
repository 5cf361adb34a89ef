// Pages with addresses: `/#/trades` shows the sections that say data-page="trades".

import { by } from "./dom.js";

const START = "overview";

/** The address in parts: `#/letter/2025-06-30` is page "letter", detail "2025-06-30". */
function address() {
  const [page = "", detail = ""] = location.hash.replace(/^#\/?/, "").split("/");
  return { page: document.querySelector(`nav [data-to="${CSS.escape(page)}"]`) ? page : START, detail };
}

/** Show the page of the address, now and on every change; `opened(page, detail)` fills it. */
export function follow(opened) {
  const show = () => {
    const { page, detail } = address();
    for (const section of document.querySelectorAll("main [data-page]")) section.hidden = section.dataset.page !== page;
    for (const link of document.querySelectorAll("nav a")) {
      if (link.dataset.to === page) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    document.title = `${document.querySelector(`nav [data-to="${page}"]`).textContent} · Trading engine`;
    opened(page, detail);
  };
  addEventListener("hashchange", () => {
    if (!location.hash.startsWith("#/") && location.hash) return; // an anchor within the page
    show();
    by("main").focus({ preventScroll: true });
    scrollTo(0, 0);
  });
  show();
}

export const current = () => address().page;
export const detail = () => address().detail;
