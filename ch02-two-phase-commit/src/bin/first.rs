//! Half an order, in fifteen lines. Run it with `cargo first`.

use ch02_two_phase_commit::{book, steps};

fn main() {
    let half = book::told("half-an-order").expect("the book's first figure");
    println!("You press Buy: one umbrella, one coin.\n");
    for line in lab::view::text::lines(&half) {
        println!("{line}");
    }
    let last =
        half.events.iter().rev().find(|event| event.node == "stock" && event.state.is_some());
    let shelf = last.and_then(|event| event.state.as_deref()).unwrap_or("?");
    println!("\nOn the shelf: {shelf}. In the till: nothing. Every process did what it was told.");
    println!("All {} designs of this chapter:  cargo guide matrix ch02", steps::all().len());
}
