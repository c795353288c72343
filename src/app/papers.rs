//! What packages take from the program itself: manual pages and completion scripts, both made from the command line's own
//! definition, so that they can't fall behind it.

use std::io::Write;
use std::path::PathBuf;

use clap::Subcommand;

/// The commands that write such papers.
#[derive(Subcommand)]
pub enum PaperCommand {
    /// Print a completion script for a shell, for example: geofenced completions bash
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Write a manual page for each command, for example: geofenced man /usr/local/share/man/man1
    Man {
        /// The directory, made if it is not there
        dir: PathBuf,
    },
}

impl PaperCommand {
    /// Writes what is asked for about `program`; a completion script goes to `out`.
    ///
    /// # Errors
    /// When the directory or a page can't be written.
    pub fn run(self, program: &mut clap::Command, out: &mut dyn Write) -> std::io::Result<()> {
        let name = program.get_name().to_owned();
        match self {
            Self::Completions { shell } => {
                let mut script = Vec::new();
                clap_complete::generate(shell, program, name, &mut script);
                out.write_all(&script)
            }
            Self::Man { dir } => {
                std::fs::create_dir_all(&dir)?;
                clap_mangen::generate_to(program.clone(), dir)
            }
        }
    }
}
