// <time-line>: step through a recorded run. It replays data and knows no protocol.
// Only the range input steps with the arrow keys: the picture scrolls with them.

const BEAT = 900;
const MOVE = 450;
const SVG = "http://www.w3.org/2000/svg";

class TimeLine extends HTMLElement {
    connectedCallback() {
        if (this.range) return;
        const data = this.querySelector(".log-data");
        if (!data) return;
        this.log = JSON.parse(data.textContent);
        this.groups = [...this.querySelectorAll(".ev")];
        this.playhead = new Playhead(this.querySelector(".spacetime"), this.log.events);
        this.build();
        this.show(this.log.events.length);
        this.follow();
        this.onhash = () => this.follow();
        window.addEventListener("hashchange", this.onhash);
        this.addEventListener("keydown", (e) => this.key(e));
        this.querySelector(".fig-scroll").addEventListener("click", (e) => this.pick(e.target.closest(".ev")));
        // A swipe over the picture scrolls it; it must not open the sidebar.
        for (const kind of ["touchstart", "touchmove", "touchend"]) {
            this.addEventListener(kind, (e) => e.stopPropagation(), { passive: true });
        }
    }

    disconnectedCallback() {
        window.removeEventListener("hashchange", this.onhash);
        this.pause();
    }

    build() {
        const last = this.log.events.length;
        const controls = make("div", "scrub");
        this.player = button("", () => (this.playing ? this.pause() : this.play()));
        this.back = button("‹ back", () => this.step(-1));
        this.on = button("next ›", () => this.step(1));
        this.range = make("input");
        Object.assign(this.range, { type: "range", min: 0, max: last, step: 1 });
        this.range.setAttribute("aria-label", "Moment of the run");
        this.range.addEventListener("input", () => {
            this.pause();
            this.show(+this.range.value);
        });
        this.range.addEventListener("change", () => this.link());
        controls.append(this.player, this.back, this.range, this.on);
        this.pause();
        this.moment = make("p", "moment");
        this.moment.setAttribute("aria-live", "polite");
        this.states = make("dl", "states");
        this.append(controls, this.moment, this.states);
    }

    key(event) {
        if (event.key === "ArrowLeft" || event.key === "ArrowRight") event.stopPropagation();
    }

    step(by) {
        this.pause();
        this.go(this.at + by);
    }

    // An event in the picture is a way to its moment, beside the scrubber.
    pick(event) {
        const at = this.log.events.findIndex(({ seq }) => String(seq) === event?.dataset.seq);
        if (at < 0) return;
        this.pause();
        this.go(at + 1);
    }

    go(at) {
        this.show(Math.max(0, Math.min(this.log.events.length, at)));
        this.link();
    }

    play() {
        const last = this.log.events.length;
        this.go(this.at === last ? 0 : this.at + 1);
        this.playing = setInterval(() => {
            this.go(this.at + 1);
            if (this.at === last) this.pause();
        }, BEAT);
        label(this.player, "❚❚", "Pause");
    }

    pause() {
        clearInterval(this.playing);
        this.playing = null;
        if (this.player) label(this.player, "▶", "Play the run");
    }

    link() {
        history.replaceState(null, "", `#${this.dataset.figure}@${this.at}`);
    }

    follow() {
        const [figure, moment] = decodeURIComponent(location.hash.slice(1)).split("@");
        if (figure !== this.dataset.figure || moment === undefined) return;
        this.show(Math.max(0, Math.min(this.log.events.length, parseInt(moment, 10) || 0)));
        this.closest("figure").scrollIntoView({ block: "nearest" });
    }

    show(at) {
        this.at = at;
        const { events, nodes } = this.log;
        const now = events[at - 1];
        const done = new Set(events.slice(0, at).map((e) => String(e.seq)));
        for (const group of this.groups) {
            group.classList.toggle("future", !done.has(group.dataset.seq));
            group.classList.toggle("now", at < events.length && now !== undefined && group.dataset.seq === String(now.seq));
        }
        this.range.value = at;
        this.range.setAttribute("aria-valuetext", now ? words(now) : "before anything happens");
        this.moment.textContent = now ? `${now.seq} of ${events.at(-1).seq}: ${words(now)}` : "Before anything happens.";
        disable(this.back, at === 0);
        disable(this.on, at === events.length);
        if (at < events.length) bring(this.querySelector(".fig-scroll"), now?.node ?? nodes[0].name);
        this.playhead.show(at === 0 || at === events.length ? null : now.seq);
        this.states.replaceChildren();
        if (!events.some((e) => e.state !== undefined)) return;
        for (const node of nodes) {
            const past = events.slice(0, at).filter((e) => e.node === node.name);
            const last = past.filter((e) => e.state !== undefined).pop();
            const down = past.map((e) => e.kind).reduce((d, k) => (k === "crash" ? true : k === "boot" ? false : d), false);
            const name = make("dt", "", node.name);
            name.style.setProperty("--c", `var(--role-${node.role}, var(--role-client))`);
            const state = make("dd", "", down ? "down" : last ? last.state || "idle" : "–");
            state.classList.toggle("changed", Boolean(last && now && last.seq === now.seq));
            state.classList.toggle("down", down);
            this.states.append(name, state);
        }
    }
}

// The moment of a run inside its picture: a line across it, and a dot on the arrow of each message that
// is under way. Time runs downwards, so the height of the line says how far along its arrow a message is.
class Playhead {
    constructor(svg, events) {
        this.rows = new Map();
        for (const { dataset } of svg.querySelectorAll(".ev[data-y]")) this.rows.set(+dataset.seq, +dataset.y);
        this.group = draw("g", { class: "playhead" });
        this.line = draw("line", { x1: 34, x2: svg.viewBox.baseVal.width - 4 });
        this.group.append(this.line);
        this.messages = events.map(({ seq }) => arrow(svg, seq)).filter(Boolean);
        for (const message of this.messages) {
            const { x, y } = message.from;
            message.trail = draw("line", { class: "trail", x1: x, y1: y });
            message.dot = draw("circle", { r: 6 });
            this.group.append(message.trail, message.dot);
        }
        // Words have a halo, and the line passes behind it.
        svg.insertBefore(this.group, svg.querySelector(".words"));
        this.group.style.display = "none";
    }

    // Moves to an event, or goes away where there is none.
    show(seq) {
        cancelAnimationFrame(this.frame);
        const from = this.y ?? 0;
        const to = seq === null ? null : this.rows.get(seq);
        this.group.style.display = to === null ? "none" : "";
        if (to === null || from === 0 || still()) return this.place(to);
        const began = performance.now();
        const move = (time) => {
            const part = Math.min(1, Math.max(0, (time - began) / MOVE));
            this.place(from + (to - from) * part * (2 - part));
            if (part < 1) this.frame = requestAnimationFrame(move);
        };
        this.frame = requestAnimationFrame(move);
    }

    place(y) {
        this.y = y;
        if (y === null) return;
        this.line.setAttribute("y1", y);
        this.line.setAttribute("y2", y);
        for (const { trail, dot, from, to } of this.messages) {
            const part = (y - from.y) / (to.y - from.y);
            const x = from.x + (to.x - from.x) * part;
            trail.style.display = dot.style.display = part > 0 && part < 1 ? "" : "none";
            for (const [element, horizontal, vertical] of [[trail, "x2", "y2"], [dot, "cx", "cy"]]) {
                element.setAttribute(horizontal, x);
                element.setAttribute(vertical, y);
            }
        }
    }
}

// Scrolls a picture that is wider than the page to the column of a node.
export function bring(part, node) {
    const column = part.querySelector(`.node[data-node="${CSS.escape(node)}"]`);
    if (!column || part.scrollWidth <= part.clientWidth) return;
    const { left, width } = column.getBoundingClientRect();
    const middle = part.getBoundingClientRect().left + part.clientWidth / 2;
    part.scrollBy({ left: left + width / 2 - middle, behavior: still() ? "auto" : "smooth" });
}

// Lets a dot run along the arrow that ends with an event.
export function follow(svg, seq) {
    const way = arrow(svg, seq);
    if (!way || still()) return;
    const dot = draw("circle", { r: 6, class: "under-way" });
    svg.append(dot);
    const at = ({ x, y }) => ({ transform: `translate(${x}px, ${y}px)` });
    const timing = { duration: MOVE, easing: "ease-in-out" };
    dot.animate([at(way.from), at(way.to)], timing).finished.finally(() => dot.remove());
}

// Both ends of the arrow that an event ends, if it ends one; an arrow that stands for itself ends none.
function arrow(svg, seq) {
    const group = svg.querySelector(`.ev[data-seq="${seq}"]:not(.ev-send)`);
    const shaft = group?.querySelector(".shaft");
    if (!shaft) return null;
    const [x1, y1, x2] = ["x1", "y1", "x2"].map((name) => +shaft.getAttribute(name));
    return { from: { x: x1, y: y1 }, to: { x: x2, y: +group.dataset.y } };
}

function still() {
    return matchMedia("(prefers-reduced-motion: reduce)").matches;
}

function draw(tag, attributes) {
    const element = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    return element;
}

function words(event) {
    const text = event.text || "";
    switch (event.kind) {
        case "send": return `${event.node} sends ${text} to ${event.peer ?? "?"}`;
        case "receive": return `${event.node} receives ${text}${event.peer ? ` from ${event.peer}` : ""}`;
        case "persist": return `${event.node} writes down ${text}`;
        case "timeout": return `a timer of ${event.node} expires: ${text}`;
        case "crash": return `${event.node} crashes${text ? ` (${text})` : ""}`;
        case "boot": return `${event.node} starts${text ? `: ${text}` : ""}`;
        case "lose": return `the network loses ${text}`;
        case "violation": return text;
        default: return `${event.node}: ${event.kind} ${text}`;
    }
}

export function make(tag, name = "", text = "") {
    const element = document.createElement(tag);
    if (name) element.className = name;
    if (text) element.textContent = text;
    return element;
}

function label(element, sign, words) {
    element.textContent = sign;
    element.setAttribute("aria-label", words);
    element.title = words;
}

// A button that does nothing now keeps the focus.
export function disable(element, off) {
    element.setAttribute("aria-disabled", String(off));
}

export function button(text, act) {
    const element = make("button", "touch", text);
    element.type = "button";
    element.addEventListener("click", () => element.getAttribute("aria-disabled") !== "true" && act());
    return element;
}

customElements.define("time-line", TimeLine);
