// What every page has: parts that scroll sideways can be reached, have a name and show that they go on,
// and the arrow keys turn the page only where they have nothing else to do.

const SCROLLERS = "pre, pre > code, .table-wrapper, .fig-scroll";
const OWN_ARROWS = "figure, details, aside, pre, .table-wrapper";
const sizes = new ResizeObserver((entries) => {
    for (const { target } of entries) update(target.closest(SCROLLERS) ?? target);
});

// Keeps up with a part that may scroll, and with what is in it.
export function watch(element) {
    element.addEventListener("scroll", () => update(element), { passive: true });
    sizes.observe(element);
    if (element.firstElementChild) sizes.observe(element.firstElementChild);
    update(element);
}

function update(element) {
    const most = element.scrollWidth - element.clientWidth;
    const scrolls = most > 1 && getComputedStyle(element).overflowX !== "visible";
    const before = element.scrollLeft > 1 ? "before" : "";
    const after = element.scrollLeft < most - 1 ? "after" : "";
    element.dataset.more = scrolls ? `${before} ${after}`.trim() : "";
    if (!scrolls) {
        element.removeAttribute("tabindex");
        return;
    }
    element.tabIndex = 0;
    if (!element.hasAttribute("role")) element.setAttribute("role", "group");
    if (!element.hasAttribute("aria-label")) element.setAttribute("aria-label", name(element));
}

function name(element) {
    const caption = element.closest("figure")?.querySelector("figcaption b")?.textContent;
    return caption ?? (element.matches(".table-wrapper") ? "Table" : "Code");
}

function keepArrows(event) {
    const arrow = event.key === "ArrowLeft" || event.key === "ArrowRight";
    if (arrow && event.target.closest(OWN_ARROWS)) event.stopPropagation();
}

// mdBook's own script listens to the checkbox behind the button.
function toggleSidebar() {
    const box = document.getElementById("mdbook-sidebar-toggle-anchor");
    box.checked = !box.checked;
    box.dispatchEvent(new Event("change"));
}

const content = document.getElementById("mdbook-content");
content.addEventListener("keydown", keepArrows);
for (const element of content.querySelectorAll(SCROLLERS)) watch(element);
document.getElementById("mdbook-sidebar-toggle").addEventListener("click", toggleSidebar);
