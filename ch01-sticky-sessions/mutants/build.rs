//! Writes the changed copy of a step for every `*.toml` beside this file, and a list of them.

fn main() -> Result<(), lab_mutate::Error> {
    lab_mutate::build::generate("ch01_sticky_sessions")
}
