// <guess-dial>: drag a guess, then see the answer, how far off it was, and the curve.
// Without this file the answer is behind its <details>.

class GuessDial extends HTMLElement {
    connectedCallback() {
        if (this.range) return;
        const { least, most, unit } = this.dataset;
        this.answer = this.querySelector("details");
        this.range = document.createElement("input");
        const middle = (Number(least) + Number(most)) / 2;
        Object.assign(this.range, { type: "range", min: least, max: most, step: "any", value: middle });
        this.range.setAttribute("aria-label", `Your guess, in ${unit}`);
        this.range.addEventListener("input", () => this.show());
        // A swipe over the dial moves it; it must not open the sidebar.
        for (const kind of ["touchstart", "touchmove", "touchend"]) {
            this.addEventListener(kind, (e) => e.stopPropagation(), { passive: true });
        }
        // The arrow keys belong to the dial, not to the pages.
        this.addEventListener("keydown", (e) => e.stopPropagation());
        this.guess = document.createElement("p");
        this.guess.className = "guess";
        this.guess.setAttribute("aria-live", "polite");
        const look = document.createElement("button");
        Object.assign(look, { type: "button", className: "touch", textContent: "That is my guess" });
        look.addEventListener("click", () => this.compare());
        this.prepend(this.range, this.guess, look);
        this.show();
    }

    show() {
        this.guess.textContent = `${digits(this.range.value)} ${this.dataset.unit}`;
    }

    compare() {
        const { answer, unit } = this.dataset;
        const off = Math.abs(Number(this.range.value) - Number(answer));
        this.show();
        this.guess.textContent += `; it is ${digits(answer)} ${unit}, so you are ${digits(off)} off`;
        this.answer.open = true;
    }
}

function digits(value) {
    return Number(value).toLocaleString("en", { maximumSignificantDigits: 3 });
}

customElements.define("guess-dial", GuessDial);
