//! Half an order, in fifteen lines. Run it with `cargo first`.

use ch02_two_phase_commit::step1_no_coordination::{Coordinator, Participant};
use ch02_two_phase_commit::worlds::{HALF_AN_ORDER, Nodes, Scope};
use lab::AnyNode;
use lab::script::Play;

fn main() {
    let step1 = Nodes::new(
        || AnyNode::new(Coordinator::default()),
        |accounts| AnyNode::new(Participant::new(accounts)),
    );
    let play = Play::new(step1.model(Scope::ONE_ORDER, &[]), "");
    let half = play.run(HALF_AN_ORDER).expect("this is how step 1 fails").into_log();
    println!("You press Buy: one umbrella, one coin.\n");
    for line in lab::view::text::lines(&half) {
        println!("{line}");
    }
    println!(
        "\nThe umbrella is off the shelf and `pay` has taken no coin. Every process did what it was told."
    );
    println!("Next, see it in pictures:  cargo run");
}
