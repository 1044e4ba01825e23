//! Edge: makes it survive the real world. The lesson is in `step3_sticky_cookie.rs`.
//!
//! All cases, put to several proxies: who answers which as the case has it. Where an RFC leaves a choice, the
//! case names the stricter one, so a ✗ is not always an error; what is answered stands below. Much of it is a
//! default that operators can change, and newer versions are stricter: the table names the versions.

use std::fmt::Write as _;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::case::Case;
use super::cases::cases;
use super::recorder::Recorder;
use super::run::run;
use crate::system::picks;
use crate::system::proxy::{Backends, Config, Health, Proxy};

/// For connections that are still open when our proxy ends.
const GRACE: Duration = Duration::from_millis(100);

/// What became of all cases.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Table {
    /// The cases.
    pub cases: Vec<Case>,
    /// The proxies.
    pub columns: Vec<Column>,
}

/// What one proxy did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Column {
    /// Its name and version.
    pub name: String,
    /// What is wrong with its answer to each case.
    pub complaints: Vec<Vec<String>>,
}

/// Puts all cases to the proxy at this address, whose only backend is `recorder`.
pub(in crate::system) async fn column(name: &str, at: SocketAddr, recorder: &Recorder) -> Column {
    let mut complaints = Vec::new();
    for case in cases() {
        complaints.push(match run(&case, at, recorder).await {
            Ok(verdict) => case.judge(&verdict),
            Err(error) => vec![format!("no answer: {error}")],
        });
    }
    Column { name: name.to_owned(), complaints }
}

/// Puts all cases to our proxy and, with the feature `engines`, to those others that are installed.
///
/// # Errors
/// There is no free port, or another proxy does not start.
pub async fn table() -> io::Result<Table> {
    let recorder = Recorder::start().await?;
    #[cfg_attr(not(feature = "engines"), expect(unused_mut, reason = "ours alone"))]
    let mut columns = vec![ours(&recorder).await?];
    #[cfg(feature = "engines")]
    columns.extend(super::peers::columns(&recorder).await?);
    Ok(Table { cases: cases(), columns })
}

/// Our own proxy, as `cluster --design 1` runs it.
async fn ours(recorder: &Recorder) -> io::Result<Column> {
    // Broken answers are what the cases are about.
    let health = Health { fall: u32::MAX, unanswered: u32::MAX, ..Health::default() };
    let list = vec![("web-1".to_owned(), recorder.address())];
    let backends = Arc::new(Backends::new(list, &health).map_err(io::Error::other)?);
    let config = Config { health, ..Config::default() };
    let proxy = Arc::new(Proxy::new(config, backends, picks::route("round-robin", None)));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let at = listener.local_addr()?;
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(proxy.serve(listener, async { drop(stopped.await) }, GRACE));
    let column = column("ours", at, recorder).await;
    drop(stop);
    serving.await.map_err(io::Error::other)?;
    Ok(column)
}

impl Table {
    /// How many cases a proxy answers as they have it.
    #[must_use]
    pub fn right(&self, column: &Column) -> usize {
        column.complaints.iter().filter(|complaints| complaints.is_empty()).count()
    }

    /// The table as text: a line per case, then what is wrong, proxy by proxy.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        let width = self.cases.iter().map(|case| case.name.chars().count()).max().unwrap_or(0);
        for (at, case) in self.cases.iter().enumerate() {
            let mark =
                |column: &Column| if column.complaints[at].is_empty() { "  ✓" } else { "  ✗" };
            let marks: String = self.columns.iter().map(mark).collect();
            let _ = writeln!(text, "{:<width$}  {:<12}{marks}", case.name, case.section);
        }
        for (number, column) in (1..).zip(&self.columns) {
            let (name, right, all) = (&column.name, self.right(column), self.cases.len());
            let _ =
                writeln!(text, "\ncolumn {number}, {name}: {right} of {all} as the cases have it");
            for (case, complaints) in self.cases.iter().zip(&column.complaints) {
                if !complaints.is_empty() {
                    let _ = writeln!(text, "  {}: {}", case.name, complaints.join("; "));
                }
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_marks_what_is_wrong_and_says_why() {
        let cases: Vec<Case> = cases().into_iter().take(2).collect();
        let wrong = vec![Vec::new(), vec!["answered Some(200), not [400]".to_owned()]];
        let columns = vec![
            Column { name: "ours".into(), complaints: vec![Vec::new(); 2] },
            Column { name: "another".into(), complaints: wrong },
        ];
        let text = Table { cases: cases.clone(), columns }.text();
        let marks: Vec<&str> = text.lines().take(2).map(|line| &line[line.len() - 8..]).collect();
        assert_eq!([marks[0].trim(), marks[1].trim()], ["✓  ✓", "✓  ✗"]);
        assert!(
            text.contains("column 1, ours: 2 of 2") && text.contains("column 2, another: 1 of 2")
        );
        assert!(text.contains(&format!("  {}: answered Some(200)", cases[1].name)), "{text}");
    }
}
