// Which span stands under which one.

// Nodes are spans, or stand for a parent that never arrived.
export function tree(spans) {
    const byId = new Map();
    const nodes = spans.map((span) => ({ span, children: [], at: span.at }));
    for (const node of nodes) {
        // In B3 both sides of a call have one id: the caller is the parent then.
        const other = byId.get(node.span.id);
        if (!other || other.span.kind !== "client" && node.span.kind === "client") byId.set(node.span.id, node);
    }
    const roots = [], missing = new Map();
    for (const node of nodes) {
        const owner = byId.get(node.span.id);
        const parent = owner !== node ? owner : node.span.parent && byId.get(node.span.parent);
        if (parent && parent !== node) {
            parent.children.push(node);
        } else if (node.span.parent && !parent) {
            const id = node.span.parent;
            if (!missing.has(id)) missing.set(id, { missing: id, children: [], at: node.at });
            missing.get(id).children.push(node);
        } else {
            roots.push(node);
        }
    }
    roots.push(...missing.values());
    // Whatever no root leads to is in a circle of parents. Its first span is shown as a root.
    const seen = new Set();
    const visit = (from) => {
        const stack = [from];
        while (stack.length) {
            const node = stack.pop();
            if (seen.has(node)) continue;
            seen.add(node);
            node.children = node.children.filter((child) => !seen.has(child));
            node.children.sort((a, b) => a.at - b.at);
            for (const child of node.children) stack.push(child);
        }
    };
    roots.forEach(visit);
    for (const node of nodes) if (!seen.has(node)) { roots.push(node); visit(node); }
    return roots.sort((a, b) => a.at - b.at);
}
