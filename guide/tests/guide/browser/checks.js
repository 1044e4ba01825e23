// What tests ask of a page. Each function returns a list of what is wrong.

const main = document.querySelector("main");
const all = (css, within = main) => [...within.querySelectorAll(css)];
const shown = (e) => e.getClientRects().length > 0 && e.checkVisibility();
const named = (e) => `${e.tagName}.${e.className.baseVal ?? e.className} "${e.textContent.trim().slice(0, 40)}"`;
const beyond = (e) => e.scrollWidth - e.clientWidth > 1;

function scrollers() {
    const style = (e) => getComputedStyle(e);
    return all("*").filter((e) => shown(e) && beyond(e) && /auto|scroll/.test(style(e).overflowX)).flatMap((e) => {
        const wrong = [];
        if (e.tabIndex !== 0 || !e.getAttribute("aria-label")) wrong.push(`no focus or no name: ${named(e)}`);
        if (style(e).maskImage === "none") wrong.push(`nothing at its edge: ${named(e)}`);
        return wrong;
    });
}

// Lines of code that go on beyond the part that shows them.
function cutLines() {
    return all("pre, pre > code").filter((e) => shown(e) && beyond(e)).map(named);
}

// Words in figures that are smaller than 12 pixels of the screen, numbers of events below 10, and words
// whose end is nowhere.
function figures() {
    return all("svg.spacetime, svg.plot").filter(shown).flatMap((svg) => {
        const scale = svg.getBoundingClientRect().width / svg.viewBox.baseVal.width;
        const least = (t) => (t.matches(".seq") ? 10 : 11.9);
        const small = all("text", svg).filter((t) => parseFloat(getComputedStyle(t).fontSize) * scale < least(t));
        const untold = all(".label", svg).filter((t) => t.textContent.includes("…") && !t.querySelector("title"));
        return [...small.map((t) => `small: ${named(t)}`), ...untold.map((t) => `cut off: ${named(t)}`)];
    });
}

// Where an arrow key would reach the page and turn it.
function turns() {
    let reached = false;
    document.documentElement.addEventListener("keydown", (event) => {
        reached = true;
        event.stopPropagation();
    });
    return all("summary, [tabindex='0'], .scrub *, break-it button").filter((e) => {
        reached = false;
        e.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight", bubbles: true, cancelable: true }));
        return reached;
    }).map((e) => `turns the page: ${named(e)}`);
}

// How many labels there are, are cut off, are crossed by an arrow, and lie on another.
function labels() {
    const counts = [0, 0, 0, 0];
    for (const svg of all("svg.spacetime").filter(shown)) {
        const boxes = all(".label", svg).map((t) => t.getBBox());
        const shafts = all(".shaft", svg).map((l) => ["x1", "y1", "x2", "y2"].map((a) => +l.getAttribute(a)));
        counts[0] += boxes.length;
        counts[1] += all(".label title", svg).length;
        counts[2] += boxes.filter((box) => shafts.some((shaft) => crosses(shaft, box))).length;
        counts[3] += boxes.filter((a, i) => boxes.some((b, j) => j > i && overlap(a, b))).length;
    }
    return counts;
}

function crosses([x1, y1, x2, y2], box) {
    const inside = (part) => {
        const [x, y] = [x1 + (x2 - x1) * part, y1 + (y2 - y1) * part];
        return x > box.x + 1 && x < box.x + box.width - 1 && y > box.y + 4 && y < box.y + box.height - 4;
    };
    return [...Array(201).keys()].some((i) => inside(i / 200));
}

function overlap(a, b) {
    const [w, h] = [Math.min(a.x + a.width, b.x + b.width) - Math.max(a.x, b.x), Math.min(a.y + a.height, b.y + b.height) - Math.max(a.y, b.y)];
    return w > 3 && h > 7;
}

// The colours of roles on the page, of words in figures, and of code on marked lines.
function colours() {
    const value = (name) => paint(`var(--${name})`);
    const bg = value("bg");
    const least = [];
    for (const role of ["client", "lb", "web", "coord", "stock", "pay", "replica", "collector"]) least.push([role, value(`role-${role}`), bg, 3]);
    for (const name of ["coord", "stock", "collector"]) least.push([`${name} as text`, value(`role-${name}`), bg, 4.5]);
    for (const name of ["fg", "muted", "ok", "alarm", "wait", "accent"]) least.push([name, value(name), bg, 4.5]);
    for (const part of ["comment", "name", "number", "string", "title", "keyword"]) {
        for (const line of ["added", "removed"]) least.push([`${part} on ${line}`, value(`code-${part}`), over(value(line), value("panel")), 4.5]);
    }
    return least.filter(([, ink, paper, ratio]) => contrast(ink, paper) < ratio).map(([name, ink, paper]) => `${name}: ${contrast(ink, paper).toFixed(2)}`);
}

// A colour of the style sheets as red, green, blue and opacity.
function paint(colour) {
    const probe = document.body.appendChild(document.createElement("i"));
    probe.style.color = colour;
    const parts = getComputedStyle(probe).color.match(/[\d.]+/g).map(Number);
    probe.remove();
    return parts.length === 4 ? parts : [...parts, 1];
}

function over([r, g, b, a], paper) {
    return [r, g, b].map((part, i) => part * a + paper[i] * (1 - a));
}

// As accessibility guidelines define it.
function contrast(a, b) {
    const linear = (c) => (c / 255 <= 0.03928 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4);
    const light = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
    const [x, y] = [light(a), light(b)];
    return (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05);
}

// On paper nothing scrolls: all of it has to be there.
function paper() {
    const edge = document.querySelector("#mdbook-content").getBoundingClientRect().right + 1;
    const out = all("table, th, td, svg, figure, aside, pre").filter((e) => shown(e) && e.getBoundingClientRect().right > edge);
    const cut = all("pre, pre > code, .fig-scroll, .table-wrapper").filter((e) => shown(e) && beyond(e));
    const masked = all("[data-more]").filter((e) => getComputedStyle(e).maskImage !== "none");
    const live = all("break-it > :not(.fallback), .scrub, .states").filter(shown);
    const missing = all("break-it > .fallback").filter((e) => !shown(e));
    const future = all(".future").filter((e) => getComputedStyle(e).opacity !== "1");
    const because = { out, cut, masked, live, missing, future };
    return Object.entries(because).flatMap(([why, list]) => list.map((e) => `${why}: ${named(e)}`)).concat(marks(), dark());
}

// A mark stands beside its line if every line of code is as high as its mark.
function marks() {
    return all(".listing-body").flatMap((body) => {
        const marks = all(".gutter span", body);
        const code = body.querySelector("code");
        const style = getComputedStyle(code);
        const line = code.getBoundingClientRect().height - parseFloat(style.paddingTop) - parseFloat(style.paddingBottom);
        const first = marks[0].getBoundingClientRect().top - code.getBoundingClientRect().top - parseFloat(style.paddingTop);
        const off = Math.abs(line - marks.length * marks[0].getBoundingClientRect().height);
        const bands = all(".new, .decisive", body).filter((e) => getComputedStyle(e, "::after").height !== getComputedStyle(e).height);
        return off > 3 || Math.abs(first) > 3 || bands.length > 0 ? [`marks: ${named(code)}: ${off} ${first} ${bands.length}`] : [];
    });
}

function dark() {
    const words = all("svg .label, svg text").slice(0, 5).map((t) => getComputedStyle(t).fill);
    const inks = [...words, getComputedStyle(main).color].map(paint);
    return inks.some((ink) => contrast(ink, [255, 255, 255]) < 4) || contrast(paint("var(--bg)"), [0, 0, 0]) < 15 ? ["not light on paper"] : [];
}
