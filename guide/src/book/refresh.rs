//! Everything in `book/data` that a command can make again.
//!
//! Runs, matrices and counted numbers come from the chapters, outputs from the commands on their
//! first lines. Times do not: `book/data/measured` holds those, with the machine they were taken on.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Write;

use lab::chapter::Figure;

use super::charts::{dial_file, plot_file};
use super::figure::run_file;
use super::numbers::NUMBERS;
use super::tables::{KeptMatrix, matrix_file, output_file, table_file};
use crate::commands::explore::SPEED;
use crate::error::{Error, Result};
use crate::workspace::Workspace;

/// A generated file: its path from the root, and what it should hold.
pub type Generated = BTreeMap<String, String>;

/// Runs a command of the guide; [`crate::cli::run`], handed in because commands refresh books.
pub type Command = fn(&Workspace, Vec<OsString>, &mut dyn Write) -> i32;

/// Regenerates in memory all that the chapters hold.
///
/// # Errors
/// Two figures, tables, dials or numbers of a chapter have the same name.
pub fn from_chapters(ws: &Workspace) -> Result<Generated> {
    let mut files = Generated::new();
    let mut numbers: BTreeMap<String, String> = BTreeMap::new();
    for chapter in &ws.chapters {
        let id = chapter.id();
        let mut keep = |file: String, text: String| match files.insert(file.clone(), text) {
            None => Ok(()),
            Some(_) => Err(Error::new(format!("{id} makes {file} twice"), "rename one")),
        };
        for (name, figure) in chapter.figures() {
            let name = format!("{id}/{name}");
            match figure {
                Figure::SpaceTime(log) => keep(run_file(&name), log.to_json_lines())?,
                Figure::Plot(plot) => keep(plot_file(&name), pretty(&plot))?,
            }
        }
        for (name, table) in chapter.tables() {
            keep(table_file(&format!("{id}/{name}")), pretty(&table))?;
        }
        for (name, dial) in chapter.dials() {
            keep(dial_file(&format!("{id}/{name}")), pretty(&dial))?;
        }
        if let Some(models) = chapter.models() {
            keep(matrix_file(id), pretty(&KeptMatrix::from(models.matrix())))?;
        }
        for (name, value) in chapter.numbers() {
            if numbers.insert(format!("{id}.{name}"), value).is_some() {
                let what = format!("{id} has two numbers named {name}");
                return Err(Error::new(what, "rename one"));
            }
        }
    }
    files.insert(NUMBERS.to_string(), pretty(&numbers));
    Ok(files)
}

fn pretty<T: serde::Serialize>(value: &T) -> String {
    let text = serde_json::to_string_pretty(value).expect("plain data always serialises");
    text + "\n"
}

/// Regenerates in memory the captured outputs of `cargo guide` commands.
///
/// # Errors
/// An output without a command on its first line.
pub fn outputs(ws: &Workspace, run: Command) -> Result<Generated> {
    let mut files = Generated::new();
    for (file, command) in commands(ws)? {
        if let Some(args) = command.strip_prefix("cargo guide ") {
            let printed = in_process(ws, run, args);
            files.insert(file, format!("$ {command}\n{printed}"));
        }
    }
    Ok(files)
}

/// Regenerates the outputs of all other `cargo` commands, by running them.
///
/// # Errors
/// A command that is not `cargo …`, or that does not start.
pub fn outputs_of_programs(ws: &Workspace) -> Result<Generated> {
    let mut files = Generated::new();
    for (file, command) in commands(ws)? {
        if command.starts_with("cargo guide ") {
            continue;
        }
        let Some(args) = command.strip_prefix("cargo ") else {
            return Err(Error::at(
                file,
                format!("`{command}` is not a cargo command"),
                "wrap it in one",
            ));
        };
        let done = std::process::Command::new("cargo")
            .args(args.split_whitespace())
            .current_dir(&ws.root)
            .env("CARGO_TERM_QUIET", "true")
            .output()
            .map_err(|e| {
                Error::at(&file, format!("cannot run `{command}`: {e}"), "is cargo on the PATH?")
            })?;
        let printed = String::from_utf8_lossy(&done.stdout);
        files.insert(file, format!("$ {command}\n{}", normal(ws, &printed)));
    }
    Ok(files)
}

/// Each output file with the command on its first line.
fn commands(ws: &Workspace) -> Result<Vec<(String, String)>> {
    let mut files = Vec::new();
    list(&ws.root.join("book/data/outputs"), "", &mut files);
    files.sort();
    let read = |name: String| {
        let file = output_file(&name);
        let text = ws.read(&file)?;
        let first = text.lines().next().unwrap_or("");
        match first.strip_prefix("$ ") {
            Some(command) => Ok((file, command.trim().to_string())),
            None => Err(Error::at(
                file,
                "the first line is not a command",
                "start it with `$ cargo guide …`",
            )),
        }
    };
    files.into_iter().map(read).collect()
}

fn list(folder: &std::path::Path, prefix: &str, out: &mut Vec<String>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.path().is_dir() {
            list(&entry.path(), &format!("{prefix}{name}/"), out);
        } else if name.ends_with(".txt") {
            out.push(format!("{prefix}{name}"));
        }
    }
}

fn in_process(ws: &Workspace, run: Command, args: &str) -> String {
    let mut out = Vec::new();
    let words = std::iter::once("guide").chain(args.split_whitespace());
    let _ = run(ws, words.map(Into::into).collect(), &mut out);
    normal(ws, &String::from_utf8_lossy(&out))
}

/// No path of this machine, no line that says how fast it was, and no blank lines at the end.
fn normal(ws: &Workspace, text: &str) -> String {
    let root = ws.root.display().to_string();
    let lines = text.lines().map(str::trim_end).filter(|line| !line.starts_with(SPEED));
    let lines: Vec<&str> = lines.collect();
    let text = lines.join("\n").replace(&format!("{root}/"), "").replace(&root, ".");
    text.trim_end().to_string() + "\n"
}

/// Files in which memory and disk differ: stale, missing, or left over.
#[must_use]
pub fn stale(ws: &Workspace, files: &Generated) -> Vec<Error> {
    let fix = "run `cargo guide book refresh` and look at what changed";
    let mut bad = Vec::new();
    for (path, want) in files {
        match ws.read(path) {
            Ok(have) if have == *want => {}
            Ok(_) => bad.push(Error::at(path, "stale: the code no longer says this", fix)),
            Err(_) => bad.push(Error::at(path, "was never generated", fix)),
        }
    }
    bad
}
