//! The guide: builds and serves the book, and runs, finds, explores, checks what it shows.
//!
//! - [`cli`] is the list of commands, [`commands`] what each does.
//! - [`book`] turns pages with directives into pages with listings, figures, outputs and numbers,
//!   and [`book::check`] refuses a book in which any of them is missing, stale or too long.
//! - [`serve`] shows the built book on this machine and answers its exhibits.
//! - [`exercise`] hands out starters and judges answers.
//! - [`chapters`] is the only file that knows which chapters there are.

pub mod book;
pub mod chapters;
pub mod cli;
pub mod commands;
pub mod error;
pub mod exercise;
pub mod export;
pub mod measures;
pub mod output;
pub mod serve;
pub mod workspace;
