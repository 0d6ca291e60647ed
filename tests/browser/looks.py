"""
What a page looks like to those who judge it: axe-core, the accessibility tree, and the boxes of its elements.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from playwright.sync_api import Page

from tests.integration.children import ROOT

__all__ = ["axeFindings", "cutOff", "description", "unnamedControls"]

AXE = ROOT / "js-client" / "node_modules" / "axe-core" / "axe.min.js"

CONTROL_ROLES = {
    "button",
    "checkbox",
    "combobox",
    "link",
    "listbox",
    "menuitem",
    "option",
    "radio",
    "searchbox",
    "slider",
    "spinbutton",
    "switch",
    "tab",
    "textbox",
    "Date",
    "DateTime",
}


@cache
def _axe() -> str:
    return AXE.read_text()


def axeFindings(page: Page) -> list[str]:
    """What axe-core finds wrong with the page, by its default rules and best practices: none is a pass."""
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(_axe() + "; undefined")
    results: dict[str, Any] = page.evaluate(
        "() => axe.run(document, {resultTypes: ['violations', 'incomplete', 'passes']})"
    )
    assert len(results["passes"]) > 10, "axe-core has looked at nothing"
    return [
        f"{found['id']}: {node['html'][:200]} {' '.join(node['failureSummary'].split())}"
        for found in results["violations"]
        for node in found["nodes"]
    ]


def unnamedControls(page: Page) -> tuple[list[str], int]:
    """Controls to which the browser's accessibility tree gives no name, and how many it has in all."""
    controls = [node for node in _tree(page) if node.get("role", {}).get("value") in CONTROL_ROLES]
    unnamed = [
        f"{node['role']['value']} #{node['backendDOMNodeId']}"
        for node in controls
        if not str(node.get("name", {}).get("value", "")).strip()
    ]
    return unnamed, len(controls)


def description(page: Page, name: str) -> str:
    """What the accessibility tree says of the control of this name, besides its name and value."""
    (node,) = [node for node in _tree(page) if node.get("name", {}).get("value") == name]
    return str(node.get("description", {}).get("value", ""))


def _tree(page: Page) -> list[dict[str, Any]]:
    session = page.context.new_cdp_session(page)
    nodes: list[dict[str, Any]] = session.send("Accessibility.getFullAXTree")["nodes"]
    session.detach()
    return [node for node in nodes if not node["ignored"]]


_CUT_OFF = """() => {
  const found = []
  const say = (element, what) => {
    const name = element.id ? `#${element.id}` : element.className ? `.${element.className}` : ""
    const text = (element.innerText || element.value || "").slice(0, 40)
    found.push(`${element.localName}${name} "${text}": ${what}`)
  }
  const root = document.documentElement
  const width = root.clientWidth
  if (root.scrollWidth > width) say(root, `is ${root.scrollWidth} wide in ${width}`)
  for (const element of document.body.querySelectorAll("*")) {
    const style = getComputedStyle(element)
    const box = element.getBoundingClientRect()
    const isSeen = element.checkVisibility({ opacityProperty: true, visibilityProperty: true })
    const isForReadersOnly = box.width <= 1 || box.height <= 1 || style.clipPath !== "none"
    if (!isSeen || isForReadersOnly || ["option", "optgroup"].includes(element.localName)) continue
    if (box.left < -0.5 || box.right > width + 0.5) say(element, `reaches from ${box.left} to ${box.right}`)
    const isClipped = style.overflowX !== "visible" || element.matches("input, textarea, select, button")
    if (isClipped && element.scrollWidth > element.clientWidth + 1)
      say(element, `holds ${element.scrollWidth} in ${element.clientWidth}`)
    if (style.overflowY === "hidden" && element.scrollHeight > element.clientHeight + 1)
      say(element, `holds ${element.scrollHeight} in a height of ${element.clientHeight}`)
  }
  return found
}"""


def cutOff(page: Page) -> list[str]:
    """What does not fit into the page's width: elements beyond its edge, and text that a box hides."""
    found: list[str] = page.evaluate(_CUT_OFF)
    return found
