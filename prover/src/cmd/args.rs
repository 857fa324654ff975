//! The arguments of every command.

use std::{ops::Range, path::PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum, value_parser};
use lemma_prover::keys::Keyring;
use lemma_verifier::{setup::SrsId, shape::MIN_K, transparent::LARGEST_PINNED};

/// Proves that a quantized ONNX network answered what it answered.
///
/// A proof states the integers that onnxruntime computes, bit for bit, and verifies offline. Try `lemma demo`.
#[derive(Debug, Parser)]
#[command(
    name = "lemma",
    version,
    propagate_version = true,
    arg_required_else_help = true,
    max_term_width = 100
)]
pub(crate) struct Arguments {
    /// Print one JSON object on standard output, for errors too
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Directory of circuits, keys and parameters [env: LEMMA_HOME] [default: the platform's data directory]
    // The store reads the variable: an argument that comes from a variable is required in every usage line.
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) store: Option<PathBuf>,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// A command.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the model on an input, in integers, without a proof
    ///
    /// The integers are what a proof states. What DequantizeLinear, Softmax and functions at the end of the model make of them is
    /// shown beside them; it is computed from the integers, outside the proof.
    Run(RunArgs),
    /// Turn a model into a circuit: its id, its size, and what proving will cost
    ///
    /// With `--scheme kzg` and no ceremony that is large enough there is no id; the size and the cost are still
    /// printed, and the exit code is 0. A model that is refused is refused with every reason at once, grouped by what
    /// they are about; with many of a kind the message has the first ones.
    Compile(CompileArgs),
    /// Prove one inference; compiles and makes keys on first use
    Prove(ProveArgs),
    /// Verify a proof, offline
    ///
    /// Name what you trust: the model (--onnx MODEL), or its circuit's id (--circuit ID), with the key in a file (--vk FILE) if it is not in
    /// the store. Whoever made a key can make it accept anything: a verdict for --vk alone names no model.
    ///
    /// The proof states the integers of inputs and outputs. What DequantizeLinear, Softmax and functions at the end of the model make
    /// of the outputs is computed here, from the proven integers.
    Verify(VerifyArgs),
    /// Write a circuit's verifying key to a file
    Vk(VkArgs),
    /// Show what an .onnx, .proof or .vk file holds
    Inspect(InspectArgs),
    /// Ceremony parameters for the kzg scheme
    #[command(subcommand)]
    Srs(SrsCommand),
    /// The directory of circuits, keys and parameters
    #[command(subcommand)]
    Store(StoreCommand),
    /// List the ONNX operators that can be proven
    Ops,
    /// Prove and verify the bundled digit classifier, explaining each step
    Demo(DemoArgs),
    /// Measure models: time, size and memory of every step, against the prediction
    Bench(BenchArgs),
}

/// Commitment scheme of a circuit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SchemeName {
    /// Transparent: no setup to trust
    Ipa,
    /// Smaller proofs that verify in milliseconds; needs ceremony parameters (see `lemma srs`)
    Kzg,
}

/// Where kzg parameters come from.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct SetupArgs {
    /// Ceremony to use, if several are imported (see `lemma srs list`)
    #[arg(long, value_name = "ID", conflicts_with = "insecure_local_srs")]
    pub(crate) srs: Option<SrsId>,
    /// Make kzg parameters on this machine: whoever made them can forge proofs. For benchmarks and tests
    #[arg(long)]
    pub(crate) insecure_local_srs: bool,
}

/// What a prover may take.
#[derive(Clone, Copy, Debug, Default, Args)]
pub(crate) struct MemoryArgs {
    /// Most memory of the prover: it goes without what makes it fast. The circuit's plan and the program come on top
    /// [default: what the machine has]
    #[arg(long = "memory", value_name = "MIB", value_parser = clap::value_parser!(u64).range(1..=1 << 24))]
    pub(crate) mebibytes: Option<u64>,
}

impl MemoryArgs {
    /// Keys for provers that keep to it.
    pub(crate) fn limit(self, keyring: Keyring) -> Keyring {
        match self.mebibytes {
            Some(mebibytes) => keyring.within_memory(mebibytes << 20),
            None => keyring,
        }
    }
}

/// The input file of a run or proof.
#[derive(Debug, Args)]
pub(crate) struct InputArgs {
    /// Inputs by name: .npz, or .json as {"name": nested lists} or {"input_data": [...]}
    #[arg(long, value_name = "FILE")]
    pub(crate) input: PathBuf,
    /// Row to take from arrays that hold several, counted from 0
    #[arg(long, value_name = "I", allow_negative_numbers = true, value_parser = row)]
    pub(crate) row: Option<usize>,
}

/// The index of a row.
fn row(text: &str) -> Result<usize, String> {
    text.parse().map_err(|_| {
        "rows are counted from 0, and not from the end; `lemma run --rows FIRST..END` takes several"
            .to_owned()
    })
}

/// A range of rows, the end left out.
fn rows(text: &str) -> Result<Range<usize>, String> {
    let wrong = || {
        "rows are written as FIRST..END, counted from 0, the end left out: 0..100 is a hundred rows"
            .to_owned()
    };
    let (first, end) = text.split_once("..").ok_or_else(wrong)?;
    let range = first.parse().map_err(|_| wrong())?..end.parse().map_err(|_| wrong())?;
    if range.is_empty() { Err(wrong()) } else { Ok(range) }
}

/// `lemma run`
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// ONNX file, or the id of a circuit in the store (its first 8 digits are enough)
    #[arg(value_name = "MODEL|CIRCUIT")]
    pub(crate) model: String,
    #[command(flatten)]
    pub(crate) input: InputArgs,
    /// Rows to take, such as 0..100, the end left out [default with -o: all]
    #[arg(long, value_name = "FIRST..END", allow_hyphen_values = true, value_parser = rows, conflicts_with = "row")]
    pub(crate) rows: Option<Range<usize>>,
    /// Write the outputs to this .npz or .json file; of several rows as arrays with one dimension more
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

/// `lemma compile`
#[derive(Debug, Args)]
pub(crate) struct CompileArgs {
    /// ONNX file, or the id of a circuit in the store (its first 8 digits are enough)
    #[arg(value_name = "MODEL|CIRCUIT")]
    pub(crate) model: String,
    /// Commitment scheme; a circuit id already fixes it [default: ipa]
    #[arg(long, value_enum)]
    pub(crate) scheme: Option<SchemeName>,
    #[command(flatten)]
    pub(crate) setup: SetupArgs,
    /// If the model is refused, list all reasons and all their nodes
    #[arg(long)]
    pub(crate) all_reasons: bool,
}

/// `lemma prove`
#[derive(Debug, Args)]
pub(crate) struct ProveArgs {
    /// ONNX file, or the id of a circuit in the store (its first 8 digits are enough)
    #[arg(value_name = "MODEL|CIRCUIT")]
    pub(crate) model: String,
    #[command(flatten)]
    pub(crate) input: InputArgs,
    /// Where to write the proof [default: the input's file name, -I for row I, .proof, in the current directory]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Up to 32 bytes the proof is bound to, such as a nonce of the verifier
    #[arg(long, value_name = "HEX")]
    pub(crate) context: Option<String>,
    /// Commitment scheme; a circuit id already fixes it [default: ipa]
    #[arg(long, value_enum)]
    pub(crate) scheme: Option<SchemeName>,
    #[command(flatten)]
    pub(crate) setup: SetupArgs,
    #[command(flatten)]
    pub(crate) memory: MemoryArgs,
}

/// `lemma verify`
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("trusted").required(true).multiple(true))]
pub(crate) struct VerifyArgs {
    /// Proof file
    pub(crate) proof: PathBuf,
    /// Whole id of the circuit you trust. Its key comes from the store, or from --vk. `lemma compile MODEL` derives it
    #[arg(long, value_name = "ID", group = "trusted")]
    pub(crate) circuit: Option<String>,
    /// Verifying key, written by `lemma vk`. With --circuit it must be that circuit's; without, the verdict is about the key alone,
    /// whichever model that is of
    #[arg(long, value_name = "FILE", group = "trusted")]
    pub(crate) vk: Option<PathBuf>,
    /// Model you trust: its circuit's id and key are derived from the ONNX file, or its key is taken from the store
    #[arg(long, value_name = "MODEL", group = "trusted", conflicts_with_all = ["circuit", "vk"])]
    pub(crate) onnx: Option<PathBuf>,
    /// With --onnx and a kzg proof: ceremony to use, if several are imported (see `lemma srs list`)
    #[arg(long, value_name = "ID", requires = "onnx")]
    pub(crate) srs: Option<SrsId>,
    /// The context the proof has to carry; without it, a proof with a context is refused
    #[arg(long, value_name = "HEX")]
    pub(crate) context: Option<String>,
    /// Accept parameters made on a single machine: whoever made them can forge proofs
    #[arg(long)]
    pub(crate) allow_insecure_srs: bool,
}

/// `lemma vk`
#[derive(Debug, Args)]
pub(crate) struct VkArgs {
    /// Id of a circuit in the store (its first 8 digits are enough)
    pub(crate) circuit: String,
    /// Where to write the verifying key
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
}

/// `lemma inspect`
#[derive(Debug, Args)]
pub(crate) struct InspectArgs {
    /// An .onnx, .proof or .vk file; its content decides
    pub(crate) file: PathBuf,
    /// Verifying key of a proof's circuit, to read what it claims where the store does not have the circuit
    #[arg(long, value_name = "FILE")]
    pub(crate) vk: Option<PathBuf>,
}

/// `lemma srs`
#[derive(Debug, Subcommand)]
pub(crate) enum SrsCommand {
    /// Check a ceremony file (snarkjs .ptau, or halo2's raw format) by pairings and keep it
    ///
    /// A proof over 2^k rows hides its witness only with one power more than 2^k. A .ptau file has it for every size; a raw file of
    /// 2^k powers has it for sizes below 2^k.
    Import {
        /// Ceremony file
        file: PathBuf,
    },
    /// List the parameters in the store
    List,
    /// Derive the ipa scheme's parameters now and keep them, so that no first proof or verification has to: for images
    ///
    /// They are the same everywhere; what is kept is compared with the sha256 in this program when it is read.
    Warm {
        /// Circuits of 2^K rows, K as `lemma compile` shows it
        #[arg(required = true, value_name = "K", value_parser = value_parser!(u32).range(SMALLEST_KEPT..=LARGEST_KEPT))]
        sizes: Vec<u32>,
    },
}

/// Sizes of which transparent parameters are kept.
const SMALLEST_KEPT: i64 = MIN_K as i64;
const LARGEST_KEPT: i64 = LARGEST_PINNED as i64;

/// `lemma store`
#[derive(Debug, Subcommand)]
pub(crate) enum StoreCommand {
    /// List what the store holds
    List,
    /// Remove what no circuit needs, and the remains of interrupted writes
    Gc,
}

/// `lemma demo`
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Commitment scheme
    #[arg(long, value_enum, default_value_t = SchemeName::Ipa)]
    pub(crate) scheme: SchemeName,
    #[command(flatten)]
    pub(crate) setup: SetupArgs,
}

/// Commitment schemes to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum BenchScheme {
    /// Transparent
    Ipa,
    /// With parameters
    Kzg,
    /// One after the other
    Both,
}

/// Provers to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum BenchProver {
    /// The one that `lemma prove` uses
    Own,
    /// The proof library's, for comparison
    Stock,
}

/// `lemma bench`
#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    /// ONNX files [default: the bundled digit classifier]
    #[arg(value_name = "MODEL")]
    pub(crate) models: Vec<PathBuf>,
    /// Proofs per model; the median counts
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) runs: u16,
    /// Commitment scheme
    #[arg(long, value_enum, default_value_t = BenchScheme::Ipa)]
    pub(crate) scheme: BenchScheme,
    /// Prover
    #[arg(long, value_enum, default_value_t = BenchProver::Own)]
    pub(crate) prover: BenchProver,
    #[command(flatten)]
    pub(crate) setup: SetupArgs,
    #[command(flatten)]
    pub(crate) memory: MemoryArgs,
    /// Measure the one model in this process and print its figures: how a measurement is started for each model
    #[arg(long, hide = true)]
    pub(crate) in_this_process: bool,
}

#[cfg(test)]
mod tests {
    use std::{fmt::Write as _, path::Path};

    use clap::{Command, CommandFactory as _};

    use super::Arguments;

    /// The page of a command and of those below it.
    fn page(command: &mut Command, out: &mut String) {
        let name = command.get_bin_name().unwrap_or_else(|| command.get_name()).to_owned();
        let help = command.render_long_help().to_string();
        let help: Vec<&str> = help.lines().map(str::trim_end).collect();
        write!(out, "\n## {name}\n\n```text\n{}\n```\n", help.join("\n").trim_end()).expect("text grows");
        let shown = |below: &&mut Command| !below.is_hide_set() && below.get_name() != "help";
        command.get_subcommands_mut().filter(shown).for_each(|below| page(below, out));
    }

    /// Without what depends on the machine.
    fn reference() -> String {
        let mut command = Arguments::command().mut_args(|argument| argument.hide_env_values(true));
        command.build();
        let mut out = "# Command line\n\nMade from the program by its tests (`LEMMA_REGENERATE_CLI=1`). Exit codes: 0 done, or the \
                       proof is valid; 1 the proof is invalid or damaged; 2 unusable arguments or files, such as one that is no proof; 3 internal error.\n"
            .to_owned();
        page(&mut command, &mut out);
        out
    }

    #[test]
    fn the_reference_is_what_the_program_says() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/cli.md");
        let expected = reference();
        if std::env::var_os("LEMMA_REGENERATE_CLI").is_some() {
            std::fs::write(&path, &expected).expect("docs/cli.md is writable");
        }
        let found = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(found, expected, "LEMMA_REGENERATE_CLI=1 writes docs/cli.md anew");
    }
}
