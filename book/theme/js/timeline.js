// <time-line>: step through a recorded run. It replays data and knows no protocol.
// A range input owns the arrow keys; elsewhere in the page they turn it.

class TimeLine extends HTMLElement {
    connectedCallback() {
        if (this.range) return;
        const data = this.querySelector(".log-data");
        if (!data) return;
        this.log = JSON.parse(data.textContent);
        this.groups = [...this.querySelectorAll(".ev")];
        this.build();
        this.show(this.log.events.length);
        this.follow();
        this.onhash = () => this.follow();
        window.addEventListener("hashchange", this.onhash);
        this.addEventListener("keydown", (e) => this.key(e));
        // A swipe over the picture scrolls it; it must not open the sidebar.
        for (const kind of ["touchstart", "touchmove", "touchend"]) {
            this.addEventListener(kind, (e) => e.stopPropagation(), { passive: true });
        }
    }

    disconnectedCallback() {
        window.removeEventListener("hashchange", this.onhash);
    }

    build() {
        const last = this.log.events.length;
        const controls = make("div", "scrub");
        this.back = button("‹ back", () => this.step(-1));
        this.on = button("next ›", () => this.step(1));
        this.range = make("input");
        Object.assign(this.range, { type: "range", min: 0, max: last, step: 1 });
        this.range.setAttribute("aria-label", "Moment of the run");
        this.range.addEventListener("input", () => this.show(+this.range.value));
        this.range.addEventListener("change", () => this.link());
        controls.append(this.back, this.range, this.on);
        this.moment = make("p", "moment");
        this.moment.setAttribute("aria-live", "polite");
        this.states = make("dl", "states");
        this.append(controls, this.moment, this.states);
    }

    key(event) {
        const way = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
        if (!way) return;
        event.stopPropagation();
        if (event.target !== this.range) {
            event.preventDefault();
            this.step(way);
        }
    }

    step(by) {
        this.show(Math.max(0, Math.min(this.log.events.length, this.at + by)));
        this.link();
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
        this.back.disabled = at === 0;
        this.on.disabled = at === events.length;
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

function make(tag, name = "", text = "") {
    const element = document.createElement(tag);
    if (name) element.className = name;
    if (text) element.textContent = text;
    return element;
}

function button(text, act) {
    const element = make("button", "touch", text);
    element.type = "button";
    element.addEventListener("click", act);
    return element;
}

customElements.define("time-line", TimeLine);
