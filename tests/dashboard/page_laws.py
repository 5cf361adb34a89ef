"""What a browser's page must keep to: contrast, cells that are seen whole, no fault, no other server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import ConsoleMessage, Page

TEXT_CONTRAST_MIN = 4.5  # WCAG 2.2 AA, text below 24 px
PHONE: dict[str, Any] = {"viewport": {"width": 375, "height": 812}, "is_mobile": True, "has_touch": True}
CONTRAST = """() => {
  const rgb = (text) => (text.match(/[\\d.]+/g) ?? []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((c) => c / 255)
    .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const [r, g, b, a = 1] = rgb(getComputedStyle(at).backgroundColor);
      if (a === 1) return [r, g, b];
    }
    return [255, 255, 255];
  };
  return [...document.querySelectorAll("body *")]
    .filter((e) => [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim()))
    .filter((e) => e.offsetParent !== null && !e.disabled)
    .map((e) => {
      const [a, b] = [light(rgb(getComputedStyle(e).color)), light(behind(e))].sort((x, y) => y - x);
      return [(a + 0.05) / (b + 0.05), `${e.tagName}.${e.className}: ${e.textContent.slice(0, 40)}`];
    });
}"""
CUT_OFF = """() => [...document.querySelectorAll("td, th[scope=row]")]
  .filter((e) => e.offsetParent !== null)
  .filter((e) => e.getBoundingClientRect().right > innerWidth || e.scrollWidth > e.clientWidth + 1)
  .map((e) => e.textContent)"""
"""The visible cells that stand out of the page or hide a part of what they say."""

OVERFLOWING = """() => [...document.querySelectorAll(".scroll")]
  .filter((e) => e.offsetParent !== null && e.scrollWidth > e.clientWidth + 1)
  .map((e) => e.getAttribute("aria-label"))"""
"""The visible tables of which a column lies out of sight."""

AXE = (files("axe_playwright_python") / "axe.min.js").read_text("utf-8")
SERIOUS = {"serious", "critical"}
# contrast is the slowest of its rules, and CONTRAST's own
AXE_RULES = {"rules": {"color-contrast": {"enabled": False}}}
AXE_COLOUR_RULES = {"runOnly": {"type": "rule", "values": ["link-in-text-block"]}}
"""Of those the ones that look at a colour: what another colour scheme can change."""


def serious_findings(page: Page, rules: Mapping[str, Any] = AXE_RULES) -> list[str]:
    """Return what axe finds on the page that keeps somebody out: the rule, and the elements."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE)
    found = page.evaluate("rules => axe.run({ resultTypes: ['violations'], ...rules })", rules)["violations"]
    return [
        f"{one['id']}: {[node['html'][:120] for node in one['nodes'][:3]]}"
        for one in found
        if one["impact"] in SERIOUS
    ]


@dataclass
class Seen:
    """What a page did that it must not."""

    faults: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)

    def watch(self, page: Page) -> None:
        page.on("console", self._note)
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on("request", lambda request: self.hosts.add(urlsplit(request.url).hostname or "data"))

    def clear(self) -> None:
        self.faults.clear()
        self.hosts.clear()

    def check(self) -> None:
        assert self.faults == []
        assert self.hosts <= {"127.0.0.1", "data"}

    def _note(self, said: ConsoleMessage) -> None:
        if said.type == "error":
            self.faults.append(said.text)
