// <break-it>: choose what happens next, and break the step if you can.
// Every state, choice and picture comes from the model behind /api/call; this file only shows them.

import { watch } from "./page.js";
import { bring, button, disable, follow, make } from "./timeline.js";

const AT_ONCE = 6;
const BEAT = 750;
const SIGN = { receive: "→", timeout: "⧗", crash: "↯", restart: "▲", lose: "✕", duplicate: "⧉", persist: "▣", disconnected: "⊘", wipe: "∅" };

class BreakIt extends HTMLElement {
    connectedCallback() {
        if (this.started) return;
        this.started = true;
        this.begin = numbers(this.dataset.path);
        this.path = this.linked() ?? this.begin;
        this.turn = 0;
        this.addEventListener("keydown", (e) => this.key(e));
        for (const kind of ["touchstart", "touchmove", "touchend"]) {
            this.addEventListener(kind, (e) => e.stopPropagation(), { passive: true });
        }
        window.addEventListener("hashchange", () => {
            const path = this.linked();
            if (path && this.ready) this.go(path);
        });
        this.open();
    }

    name() {
        return `${this.dataset.chapter}/${this.dataset.step}`;
    }

    linked() {
        const hash = decodeURIComponent(location.hash);
        const start = `#breakit=${this.name()}/`;
        return hash.startsWith(start) ? numbers(hash.slice(start.length)) : null;
    }

    async call(request) {
        const { chapter, step } = this.dataset;
        const response = await fetch("/api/call", {
            method: "POST",
            headers: { "content-type": "application/json" },
            body: JSON.stringify({ chapter, step, ...request }),
        });
        const answer = await response.json();
        if (answer.error) throw new Trouble(answer.error);
        return answer;
    }

    // Without a server the figure inside stays, with its note on how to run it.
    async open() {
        let view;
        try {
            view = await this.call({ call: "view", path: this.path });
        } catch (e) {
            if (!(e instanceof Trouble)) return;
            this.path = this.begin;
            try {
                view = await this.call({ call: "view", path: this.path });
            } catch {
                return;
            }
        }
        this.build();
        this.draw(view);
        this.ready = true;
        this.searched = this.search();
        this.searched.catch(() => {});
    }

    // The search of all states goes on while this page asks for it, and stands still when it closes.
    async search() {
        let done = false;
        while (!done && this.isConnected) {
            ({ done, states: this.found } = await this.call({ call: "search" }));
            if (this.waits && !done) this.say(`Trying every order of events … ${thousands(this.found)} states so far.`);
        }
    }

    // What rests on the search of all states is asked for when it is done.
    async ask(request) {
        this.waits = true;
        try {
            await this.searched.catch(() => (this.searched = this.search()));
            return await this.call(request);
        } finally {
            this.waits = false;
        }
    }

    build() {
        this.querySelector(".fallback").hidden = true;
        this.lamp = make("div", "lamp");
        this.lamp.setAttribute("role", "status");
        this.lamp.setAttribute("aria-live", "polite");
        this.states = make("dl", "states");
        this.moves = make("div", "moves");
        this.moves.setAttribute("role", "group");
        this.moves.setAttribute("aria-label", "What happens next?");
        this.tools = make("div", "tools");
        this.undo = button("Undo", () => this.go(this.path.slice(0, -1)));
        this.again = button("Start over", () => this.go(this.begin));
        this.hint = button("Hint", () => this.doHint());
        this.play = button("Show me", () => this.doShow());
        this.prove = button("Is there any way?", () => this.doProof());
        this.link = make("a", "", "link to this state");
        this.tools.append(this.undo, this.again, this.hint, this.play, this.prove, this.link);
        this.says = make("p", "says");
        this.says.setAttribute("aria-live", "polite");
        this.picture = make("div", "fig-scroll");
        this.picture.tabIndex = 0;
        this.picture.setAttribute("role", "group");
        this.picture.setAttribute("aria-label", "What has happened so far");
        watch(this.picture);
        this.append(this.lamp, this.states, this.moves, this.tools, this.says, this.picture);
    }

    async go(path) {
        this.turn += 1;
        await this.move(path);
    }

    async move(path) {
        try {
            const view = await this.call({ call: "view", path });
            this.path = path;
            this.says.textContent = "";
            this.draw(view);
            return true;
        } catch (e) {
            this.tell(e);
            return false;
        }
    }

    draw(view) {
        const before = this.view?.events?.length ?? Infinity;
        this.view = view;
        this.more = false;
        const { lamp } = view;
        this.lamp.classList.toggle("broken", !lamp.ok);
        this.lamp.replaceChildren(make("b", "", lamp.ok ? "✓ holds" : "✗ unsafe"), make("span", "", [lamp.property, lamp.why].filter(Boolean).join(": ") || "nothing is broken in this state"));
        this.states.replaceChildren();
        for (const node of view.nodes) {
            const name = make("dt", "", node.name);
            name.style.setProperty("--c", `var(--role-${node.role}, var(--role-client))`);
            const state = make("dd", "", node.up ? node.state || "idle" : "down");
            state.classList.toggle("changed", Boolean(node.changed));
            this.states.append(name, state);
        }
        this.choose();
        disable(this.undo, this.path.length === 0);
        const hash = `#breakit=${this.name()}/${this.path.join(".")}`;
        this.link.href = hash;
        if (this.ready) history.replaceState(null, "", hash);
        if (!view.svg) return;
        this.picture.innerHTML = view.svg;
        this.picture.scrollTop = this.picture.scrollHeight;
        const ended = view.events?.slice(before).find(({ kind }) => kind === "receive" || kind === "lose");
        const last = view.events?.at(-1);
        if (last) bring(this.picture, last.node);
        if (ended) follow(this.picture.firstElementChild, ended.seq);
    }

    choose(marked) {
        const had = this.moves.contains(document.activeElement);
        this.moves.replaceChildren();
        const { choices, finished } = this.view;
        const shown = this.more ? choices : first(choices, marked);
        shown.forEach((choice, i) => {
            const move = button("", () => this.go([...this.path, choice.index]));
            move.append(make("span", "kind", SIGN[choice.kind] ?? "•"), ...emphasised(choice.words));
            move.dataset.index = choice.index;
            if (i < 9) move.setAttribute("aria-keyshortcuts", String(i + 1));
            if (choice.index === marked) move.classList.add("hinted");
            this.moves.append(move);
        });
        if (shown.length < choices.length) {
            this.moves.append(button(`more (${choices.length - shown.length})`, () => {
                this.more = true;
                this.choose(marked);
            }));
        }
        if (choices.length === 0) {
            this.moves.append(make("p", "", finished ? "It is over: nothing is left to happen." : "Nothing more can happen within the bounds."));
        }
        if (had) this.moves.querySelector("button")?.focus({ preventScroll: true });
    }

    key(event) {
        if (event.key === "ArrowLeft" || event.key === "ArrowRight") {
            event.stopPropagation();
            return;
        }
        const typed = event.ctrlKey || event.metaKey || event.altKey ? NaN : parseInt(event.key, 10);
        if (typed >= 1) this.moves?.querySelectorAll("button")[typed - 1]?.click();
    }

    // True, and said so, when there is nothing left to look for.
    over() {
        if (!this.view.lamp.ok) this.say("It is broken already. Undo, and find another way?");
        return !this.view.lamp.ok;
    }

    async doHint() {
        if (this.over()) return;
        try {
            const { index, distance, capped } = await this.ask({ call: "hint", path: this.path });
            if (distance === null || distance === undefined) return this.doProof(true);
            this.choose(index);
            const way = distance === 1 ? "One move is enough: the outlined one." : `${distance} moves are enough; the outlined one is the first.`;
            this.say(capped ? `${way} The search stopped at its limit: there may be a shorter way.` : way);
        } catch (e) {
            this.tell(e);
        }
    }

    async doShow() {
        if (this.over()) return;
        const turn = (this.turn += 1);
        try {
            const { path } = await this.ask({ call: "show", path: this.path });
            if (!path || path.length === this.path.length) return this.doProof(true);
            const along = this.path.every((p, i) => path[i] === p);
            const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
            let at = along ? this.path.length : 0;
            if (still) at = path.length - 1;
            while (at < path.length && turn === this.turn) {
                at += 1;
                if (!(await this.move(path.slice(0, at)))) return;
                if (at < path.length) await new Promise((done) => setTimeout(done, BEAT));
            }
        } catch (e) {
            this.tell(e);
        }
    }

    // `here` asks about this state; without it, about all of them.
    async doProof(here = false) {
        try {
            const { states, unsafe, stuck, capped } = await this.ask({ call: "proof" });
            const n = thousands;
            const rest = stuck > 0 ? ` From ${n(stuck)} of them the system never ends its work unless a crashed process comes back.` : "";
            if (capped) this.say(`The search stopped at its limit, ${n(states)} states. ${unsafe > 0 ? `At least ${n(unsafe)} of them are unsafe` : "None of them is unsafe"}; what lies beyond was not searched.`);
            else if (unsafe === 0) this.say(`0 of ${n(states)} states are unsafe: there is no move that breaks it.${rest}`);
            else if (here) this.say("From here nothing breaks it any more. Undo, or start over.");
            else this.say(`${n(unsafe)} of ${n(states)} states are unsafe. There is a way.${rest}`);
        } catch (e) {
            this.tell(e);
        }
    }

    say(text) {
        this.says.textContent = text;
    }

    tell(error) {
        this.say(error instanceof Trouble ? error.message : "The server has gone. Start it again with cargo run.");
    }
}

class Trouble extends Error {}

// The first few choices, but never without the one a hint points to.
function first(choices, marked) {
    const shown = choices.slice(0, AT_ONCE);
    const hinted = choices.find((c) => c.index === marked);
    if (hinted && !shown.includes(hinted)) shown[shown.length - 1] = hinted;
    return shown;
}

function numbers(text) {
    return (text || "").split(/[.,]/).filter((p) => /^\d+$/.test(p)).map(Number);
}

function thousands(count) {
    return count.toLocaleString("en");
}

function emphasised(text) {
    return text.split(/[*`]/).map((part, i) => (i % 2 ? make("em", "", part) : document.createTextNode(part)));
}

customElements.define("break-it", BreakIt);
