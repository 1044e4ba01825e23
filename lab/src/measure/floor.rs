//! What one fsync and one round trip cost on this machine, with nothing around them. A
//! request that waits for two fsyncs in sequence cannot be faster than two of these.
//!
//! # Left out
//!
//! Raw devices and kernel bypass: shops do not run on them.

#![expect(clippy::disallowed_methods, reason = "measuring is what a clock is for")]

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::time::Instant;

use super::Measured;
use crate::run::disk::DirectFile;

const BLOCK: [u8; 512] = [0xa5; 512];

/// Which bytes are written before the fsync.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WriteKind {
    /// New ones at the end of a file: its length has to reach the disk as well.
    Append,
    /// Ones that the file has already, as in a log that is filled with zeros up front.
    Overwrite,
    /// The same past the page cache, as our log writes them: no way known here is faster.
    Direct,
}

/// Writes 512 bytes and fsyncs them, again and again, in a file of its own in this directory.
///
/// # Errors
/// What the operating system says.
pub fn fsync_floor(dir: &Path, how: WriteKind, count: u32) -> io::Result<Measured> {
    let path = dir.join(format!("fsync-floor-{}", std::process::id()));
    let measured = write_and_sync(&path, how, count);
    fs::remove_file(&path)?;
    measured
}

fn write_and_sync(path: &Path, how: WriteKind, count: u32) -> io::Result<Measured> {
    let mut file = File::create(path)?;
    if how != WriteKind::Append {
        let len = (BLOCK.len() * count as usize).next_multiple_of(DirectFile::BLOCK);
        file.write_all(&vec![0; len])?;
        file.sync_all()?;
        file.seek(SeekFrom::Start(0))?;
    }
    if how == WriteKind::Direct {
        let mut direct = DirectFile::open(path, 0)?;
        let length = BLOCK.len() as u64;
        return repeat(count, |n| {
            direct.append(u64::from(n) * length, &BLOCK)?;
            direct.sync()
        });
    }
    repeat(count, |_| {
        file.write_all(&BLOCK)?;
        file.sync_data()
    })
}

fn repeat(count: u32, mut operation: impl FnMut(u32) -> io::Result<()>) -> io::Result<Measured> {
    let mut measured = Measured::empty();
    let began = Instant::now();
    for n in 0..count {
        let asked = Instant::now();
        operation(n)?;
        measured.add(asked.elapsed());
    }
    Ok(measured.took(began.elapsed()))
}

/// Sends 64 bytes to another thread over loopback TCP and waits until they are back.
///
/// # Errors
/// What the operating system says.
pub fn round_trip_floor(count: u32) -> io::Result<Measured> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let mut here = TcpStream::connect(listener.local_addr()?)?;
    here.set_nodelay(true)?;
    let (mut there, _) = listener.accept()?;
    there.set_nodelay(true)?;
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let mut bytes = [0; 64];
            while there.read_exact(&mut bytes).is_ok() && there.write_all(&bytes).is_ok() {}
        });
        let mut bytes = [0; 64];
        let measured = repeat(count, |_| {
            here.write_all(&bytes)?;
            here.read_exact(&mut bytes)
        });
        // The other thread ends with its connection.
        drop(here);
        measured
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floors_count_what_they_did_and_leave_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        for how in [WriteKind::Append, WriteKind::Overwrite, WriteKind::Direct] {
            assert_eq!(fsync_floor(dir.path(), how, 3).unwrap().count(), 3);
        }
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
        assert_eq!(round_trip_floor(3).unwrap().count(), 3);
    }
}
