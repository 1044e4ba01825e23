//! Edge: makes it survive the real world. The lesson is in `step3_sticky_cookie.rs`.
//!
//! `probe`: all cases as a command, put to our proxy and those beside it, or to any other one.

use std::io;
use std::net::SocketAddr;

use clap::{Arg, ArgMatches, Command, value_parser};
use lab::system::{Error, say};

use super::cases::cases;
use super::recorder::Recorder;
use super::table::{Table, column, table};

pub(in crate::system) fn command() -> Command {
    Command::new("probe")
        .about("Put odd requests to a reverse proxy: which does it answer as the RFCs ask?")
        .arg(
            Arg::new("address")
                .value_name("ADDRESS")
                .value_parser(value_parser!(SocketAddr))
                .requires("backend")
                .help("Your own proxy; without it ours, and HAProxy and nginx if built with `engines`"),
        )
        .arg(
            Arg::new("backend")
                .long("backend")
                .value_name("PORT")
                .value_parser(value_parser!(u16).range(1..))
                .help("Where the only backend of your proxy is: `probe` listens there"),
        )
}

pub(in crate::system) async fn act(args: &ArgMatches) -> Result<u8, Error> {
    let failed = |error: io::Error| Error::Refused(format!("the cases cannot be put: {error}"));
    let port = args.get_one::<u16>("backend");
    let table = match args.get_one::<SocketAddr>("address").zip(port) {
        Some((at, port)) => {
            let taken = |source| Error::PortTaken { port: *port, source };
            let recorder = Recorder::at(*port).await.map_err(taken)?;
            let columns = vec![column(&at.to_string(), *at, &recorder).await];
            Table { cases: cases(), columns }
        }
        None => table().await.map_err(failed)?,
    };
    say(&table.text());
    Ok(u8::from(table.right(&table.columns[0]) < table.cases.len()))
}
