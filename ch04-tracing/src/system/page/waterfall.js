// One trace as a waterfall. Of all rows only those in sight are drawn, so 50,000 spans scroll like 50.

import { tree } from "./tree.js";

const ROW = 22, HEAD = 26, INDENT = 12;
const section = document.getElementById("waterfall");
const classes = JSON.parse(document.getElementById("classes").textContent);

function took(ns) {
    const units = [[1e9, "s"], [1e6, "ms"], [1e3, "µs"]];
    const [unit, name] = units.find(([unit]) => ns >= unit) ?? [1, "ns"];
    const value = ns / unit;
    const digits = unit === 1 || value >= 100 ? 0 : value >= 10 ? 1 : 2;
    // Cut, as the pages do, and not rounded: no span is called longer than it was.
    return `${(Math.floor(value * 10 ** digits) / 10 ** digits).toFixed(digits)} ${name}`;
}

class Waterfall {
    constructor(trace) {
        this.start = BigInt(trace.start);
        this.trace = trace;
        for (const span of trace.spans) span.raw = span.at;
        for (const { span, own } of trace.criticalPath) trace.spans[span].own = own;
        this.build();
        this.place(false);
    }

    // Places all spans by their own clocks, or by clocks that are corrected to that of the first span.
    place(isCorrected) {
        const { spans, clocks, criticalPath } = this.trace, selected = this.rows?.[this.selected].node.span;
        const moved = (span) => span.raw + (isCorrected ? clocks[span.clock ?? span.service]?.[2] ?? 0 : 0);
        const first = spans.reduce((min, span) => Math.min(min, moved(span)), Infinity);
        for (const span of spans) { span.at = moved(span) - first; span.waits = []; }
        this.span = spans.reduce((max, span) => Math.max(max, span.at + span.took), 1);
        for (const { span, within } of criticalPath) if (within !== null) spans[within].waits.push(spans[span]);
        for (const span of spans) span.waits.sort((a, b) => a.at - b.at);
        this.button.setAttribute("aria-pressed", this.isCorrected = isCorrected);
        this.roots = tree(spans);
        this.folded = new Set();
        this.flatten();
        this.resize();
        this.select(selected ? this.rows.findIndex((row) => row.node.span === selected) : 0);
    }

    build() {
        section.innerHTML = `<p class="keys muted"><kbd>j</kbd> <kbd>k</kbd> down and up, <kbd>Enter</kbd> fold and
            unfold, <kbd>f</kbd> fold or unfold all, <kbd>c</kbd> <button type="button">correct the clocks</button>
            · the dark line is the critical path</p><div class="view" tabindex="0" role="application"
            aria-label="The spans of this trace; j and k go through them, the text below says where you are">
            <canvas></canvas><div></div></div><div class="detail" aria-live="polite"></div>`;
        this.view = section.querySelector(".view");
        this.canvas = section.querySelector("canvas");
        this.filler = this.canvas.nextElementSibling;
        this.detail = section.querySelector(".detail");
        this.button = section.querySelector("button");
        this.button.disabled = !this.trace.clocks;
        this.button.addEventListener("click", () => this.place(!this.isCorrected));
        this.view.addEventListener("scroll", () => this.draw());
        this.view.addEventListener("keydown", (event) => this.key(event));
        this.canvas.addEventListener("click", (event) => this.click(event));
        new ResizeObserver(() => this.resize()).observe(section);
        matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { this.colours(); this.draw(); });
    }

    colours() {
        const style = getComputedStyle(document.documentElement);
        const colour = (name) => style.getPropertyValue(`--${name}`).trim();
        this.colour = Object.fromEntries(["bg", "fg", "muted", "line", "panel", "strong", "alarm"].map((n) => [n, colour(n)]));
        this.service = new Map(Object.entries(classes).map(([name, kind]) => {
            const key = kind.slice(2);
            return [name, colour(/^\d$/.test(key) ? `c${key}` : key)];
        }));
    }

    // The rows that are not folded away, from top to bottom.
    flatten() {
        this.rows = [];
        const stack = this.roots.map((node) => [node, 0]).reverse();
        while (stack.length) {
            const [node, depth] = stack.pop();
            this.rows.push({ node, depth });
            if (this.folded.has(node)) continue;
            for (let i = node.children.length - 1; i >= 0; i--) stack.push([node.children[i], depth + 1]);
        }
    }

    resize() {
        const room = Math.max(240, Math.round(innerHeight * 0.62));
        this.height = Math.min(room, HEAD + this.rows.length * ROW + 2);
        this.view.style.height = `${this.height + 2}px`;
        this.width = this.view.clientWidth;
        const ratio = devicePixelRatio || 1;
        this.canvas.width = this.width * ratio;
        this.canvas.height = this.height * ratio;
        this.canvas.style.width = `${this.width}px`;
        this.canvas.style.height = `${this.height}px`;
        // The canvas stays in sight and takes part of the height that is scrolled over.
        this.filler.style.height = `${Math.max(0, HEAD + this.rows.length * ROW - this.height)}px`;
        this.names = Math.min(420, Math.round(this.width * 0.42));
        this.context = this.canvas.getContext("2d");
        this.context.setTransform(ratio, 0, 0, ratio, 0, 0);
        this.colours();
        this.draw();
    }

    draw() {
        cancelAnimationFrame(this.frame);
        this.frame = requestAnimationFrame(() => this.paint());
    }

    x(ns) {
        return this.names + 8 + (this.width - this.names - 70) * ns / this.span;
    }

    paint() {
        const { context, colour, width, height } = this;
        context.fillStyle = colour.bg;
        context.fillRect(0, 0, width, height);
        context.font = "13px system-ui, sans-serif";
        context.textBaseline = "middle";
        const top = this.view.scrollTop;
        const first = Math.floor(top / ROW), last = Math.min(this.rows.length, first + Math.ceil(height / ROW) + 1);
        this.lines();
        for (let i = first; i < last; i++) this.row(i, HEAD + i * ROW - top);
        this.axis();
    }

    // The times that have a line.
    ticks() {
        const count = this.width > 900 ? 5 : this.width > 500 ? 3 : 2;
        return Array.from({ length: count + 1 }, (_, i) => this.span * i / count);
    }

    lines() {
        this.context.fillStyle = this.colour.line;
        for (const at of this.ticks()) this.context.fillRect(Math.round(this.x(at)), HEAD, 1, this.height);
    }

    axis() {
        const { context, colour, width } = this;
        context.fillStyle = colour.panel;
        context.fillRect(0, 0, width, HEAD);
        context.fillStyle = colour.line;
        context.fillRect(0, HEAD - 1, width, 1);
        context.fillStyle = colour.muted;
        for (const at of this.ticks()) {
            const isLast = at === this.span;
            context.textAlign = isLast ? "right" : "left";
            context.fillText(took(at), isLast ? width - 6 : this.x(at), HEAD / 2);
        }
        context.textAlign = "left";
    }

    row(i, y) {
        const { context, colour, width } = this;
        const { node, depth } = this.rows[i];
        if (i === this.selected) {
            context.fillStyle = colour.strong;
            context.fillRect(0, y, width, ROW);
        }
        const left = 6 + Math.min(depth, 14) * INDENT, middle = y + ROW / 2 + 1;
        context.save();
        context.beginPath();
        context.rect(0, y, node.missing ? width : this.names, ROW);
        context.clip();
        if (node.children.length) {
            context.fillStyle = colour.muted;
            context.fillText(this.folded.has(node) ? "▸" : "▾", left, middle);
        }
        if (node.missing) {
            context.fillStyle = colour.alarm;
            context.fillText(this.lost(node), left + 14, middle);
            context.restore();
            return;
        }
        const { service, name, error } = node.span;
        context.fillStyle = this.service.get(service) ?? colour.muted;
        context.font = "600 13px system-ui, sans-serif";
        context.fillText(service, left + 14, middle);
        const after = left + 20 + context.measureText(service).width;
        context.font = "13px system-ui, sans-serif";
        context.fillStyle = error === null ? colour.fg : colour.alarm;
        const folded = this.folded.has(node) ? ` (+${this.below(node)})` : "";
        context.fillText((error === null ? "" : "✕ ") + name + folded, after, middle);
        context.restore();
        this.bar(node.span, y, middle);
    }

    bar(span, y, middle) {
        const { context, colour } = this;
        const x = this.x(span.at), long = Math.max(2, this.x(span.at + span.took) - x);
        context.fillStyle = this.service.get(span.service) ?? colour.muted;
        context.fillRect(x, y + 5, long, ROW - 10);
        if (span.error !== null) {
            context.fillStyle = colour.alarm;
            context.fillRect(x, y + ROW - 5, long, 2);
        }
        if (span.own !== undefined) this.waited(span, y);
        const text = took(span.took), size = context.measureText(text).width;
        const isRight = x + long + size + 8 < this.width;
        context.fillStyle = isRight || long < size + 8 ? colour.muted : colour.bg;
        const inside = long >= size + 8 ? x + long - size - 4 : x - size - 4;
        context.fillText(text, isRight ? x + long + 4 : inside, middle);
    }

    // A line over the parts of a span in which the request waited for it alone.
    waited(span, y) {
        const end = { at: span.at + span.took, took: 0 };
        let from = span.at;
        this.context.fillStyle = this.colour.fg;
        for (const { at, took } of [...span.waits, end]) {
            const x = this.x(from), to = this.x(Math.min(at, end.at));
            if (to > x) this.context.fillRect(x, y + 2, to - x, 3);
            from = Math.max(from, at + took);
        }
    }

    lost(node) {
        const count = node.children.length;
        return `1 span or more is missing here: parent ${node.missing} of ${count === 1 ? "this span" : `these ${count} spans`} was never received`;
    }

    // How many spans are folded away with it: counted once, since it is drawn often.
    below(node) {
        if (node.below !== undefined) return node.below;
        let count = 0;
        const stack = [node];
        while (stack.length) for (const child of stack.pop().children) { count++; stack.push(child); }
        return node.below = count;
    }

    select(i) {
        this.selected = Math.max(0, Math.min(this.rows.length - 1, i));
        const y = this.selected * ROW, room = this.height - HEAD - ROW;
        if (y < this.view.scrollTop) this.view.scrollTop = y;
        if (y > this.view.scrollTop + room) this.view.scrollTop = y - room;
        this.describe(this.rows[this.selected].node);
        this.draw();
    }

    describe(node) {
        const put = (tag, text, into = this.detail) => into.appendChild(Object.assign(document.createElement(tag), { textContent: text }));
        this.detail.replaceChildren();
        if (node.missing) { put("p", this.lost(node)); return; }
        const { span } = node, begin = this.start + BigInt(span.raw);
        put("h2", `${span.service}: ${span.name}`);
        const list = put("dl", "");
        const pair = (key, value) => { put("dt", key, list); return put("dd", value, list); };
        if (span.error !== null) pair("failed", span.error || "without a reason").className = "alarm";
        pair("took", `${took(span.took)} (${span.took} ns), from ${took(span.at)} on`);
        pair("critical path", span.own === undefined ? "not on it: the request did not wait for this" :
            `the request waited ${took(span.own)} for this alone`);
        pair("raw times", `${begin} to ${begin + BigInt(span.took)} ns since 1970`);
        pair("span", `${span.id}, ${span.kind}, caused by ${span.parent ?? "nothing: it is a root"}`);
        for (const [trace, id] of span.links ?? []) {
            const link = put("a", `span ${id} of trace ${trace}`, pair("also caused by", ""));
            link.href = `/trace/${trace}`;
        }
        for (const [key, value] of span.attributes) pair(key, value);
    }

    fold(i) {
        const { node } = this.rows[i];
        if (!node.children.length) return;
        if (!this.folded.delete(node)) this.folded.add(node);
        this.changed(node);
    }

    foldAll() {
        const { node } = this.rows[0];
        if (this.folded.size) {
            this.folded.clear();
        } else {
            const stack = this.roots.flatMap((root) => root.children);
            while (stack.length) {
                const next = stack.pop();
                if (next.children.length) this.folded.add(next);
                for (const child of next.children) stack.push(child);
            }
        }
        this.changed(node);
    }

    changed(node) {
        this.flatten();
        this.resize();
        this.select(this.rows.findIndex((row) => row.node === node));
    }

    key(event) {
        if (event.ctrlKey || event.metaKey || event.altKey) return;
        const page = Math.floor(this.height / ROW) - 2;
        const step = { j: 1, ArrowDown: 1, k: -1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -1e9, End: 1e9 }[event.key];
        if (step) this.select(this.selected + step);
        else if (event.key === "Enter") this.fold(this.selected);
        else if (event.key === "f") this.foldAll();
        else if (event.key === "c" && !this.button.disabled) this.place(!this.isCorrected);
        else return;
        event.preventDefault();
    }

    click(event) {
        const i = Math.floor((event.offsetY - HEAD + this.view.scrollTop) / ROW);
        if (event.offsetY < HEAD || i >= this.rows.length) return;
        this.select(i);
        if (event.offsetX < 6 + Math.min(this.rows[i].depth, 14) * INDENT + 14) this.fold(i);
    }
}

try {
    const answer = await fetch(`/api/traces/${section.dataset.trace}`);
    if (!answer.ok) throw new Error(`the collector answered ${answer.status}`);
    const trace = await answer.json();
    section.hidden = false;
    new Waterfall(trace);
    document.getElementById("plain").hidden = true;
} catch (error) {
    // The table stays.
    section.hidden = false;
    section.textContent = `The waterfall cannot be drawn: ${error.message}. Here are the spans as a table.`;
}
