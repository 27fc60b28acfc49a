"""What a component tells the page, run in Node: nothing any more once its person has gone to another page."""

from __future__ import annotations

from tests.figures.node import run_module

SCRIPT = """
const listeners = [];
globalThis.document = {
  addEventListener: (kind, listener) => listeners.push(listener),
  createElement: () => ({ getContext: () => null }),
};
globalThis.addEventListener = () => {};
globalThis.location = { origin: "http://here", pathname: "/boundaries" };
const { mounting } = await import("PLAYER/component.js");

class Kind {
  constructor(_, bridge) { this.root = { isConnected: true }; this.bridge = bridge; }
  repaint() {}
  receive() {}
}
const told = [], place = {};
let now;
const mount = () => {
  mounting(class extends Kind { constructor(...all) { super(...all); now = this; } })(
    { parentElement: place, setStateValue: (_, value) => told.push(value), setTriggerValue() {} });
};
const click = (pathname, more = {}) => {
  const link = { matches: () => true, origin: "http://here", pathname, target: more.target ?? "" };
  for (const listener of listeners) listener({ composedPath: () => [{}, link], ...more });
};
mount();
const said = {};
const says = (name) => { told.length = 0; now.bridge.report(name); said[name] = told.length; };
says("here");
click("/boundaries");
says("a link on the page");
click("/learn", { ctrlKey: true });
says("a link into another tab");
click("/learn");
says("a link was followed");
location.pathname = "/learn";
says("the address is the new one");
mount();
says("the new page has it");
console.log(JSON.stringify(said));
"""


def test_a_component_tells_nothing_of_a_page_once_a_link_to_another_one_was_followed() -> None:
    """Streamlit would run its fragment in place of the page that is on its way, which would stay blank."""
    assert run_module(SCRIPT, None) == {
        "here": 1, "a link on the page": 1, "a link into another tab": 1, "a link was followed": 0,
        "the address is the new one": 0, "the new page has it": 1,
    }  # fmt: skip
