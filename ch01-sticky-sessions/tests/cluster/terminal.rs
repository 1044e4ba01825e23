//! Commands as an operator types them, in a folder of their own.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use crate::kit::PROGRAM;

/// A cluster in a process of its own. Dropping it ends it, with all of its roles.
pub(crate) struct Terminal {
    process: Child,
    /// Where users come.
    pub(crate) shop: String,
    /// What it says is read once; later on there is room for a few lines.
    _said: BufReader<ChildStdout>,
}

impl Terminal {
    /// Starts `cluster`, with these arguments and on free ports, in this folder.
    pub(crate) fn start(folder: &Path, args: &[&str]) -> Self {
        Self::start_with(folder, args, |command| command)
    }

    /// The same, in a terminal that is not as usual.
    pub(crate) fn start_with(
        folder: &Path,
        args: &[&str],
        with: impl FnOnce(&mut Command) -> &mut Command,
    ) -> Self {
        let mut command = Command::new(PROGRAM);
        command.args(args).args(["--shop-port", "0"]).current_dir(folder);
        with(&mut command);
        let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(process.stdout.take().unwrap());
        let mut lines = said.by_ref().lines().map(Result::unwrap);
        let open = lines.find(|line| line.contains("open http://")).expect("it opens the shop");
        let shop = open.split("http://").nth(1).and_then(|rest| rest.split(' ').next());
        let shop = shop.expect("an address").to_owned();
        assert!(lines.any(|line| line.starts_with("Ctrl-C ends it")), "it ended before that");
        Self { process, shop, _said: said }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let interrupt =
            Command::new("kill").args(["-INT", &self.process.id().to_string()]).status();
        if interrupt.is_ok_and(|status| status.success()) {
            let _ = self.process.wait();
        }
    }
}

/// What a command says in this folder, and its exit code.
pub(crate) fn command(folder: &Path, args: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(PROGRAM).args(args).current_dir(folder).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(said).unwrap())
}
