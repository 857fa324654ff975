//! Prints the shape chosen for every model named on the command line, or why there is none.
fn main() {
    for path in std::env::args().skip(1) {
        let bytes = std::fs::read(&path).unwrap();
        let model = match lemma_circuits::import::import(&bytes, &path) {
            Ok(m) => m,
            Err(e) => {
                println!("IMPORT {e}");
                continue;
            }
        };
        let start = std::time::Instant::now();
        match lemma_circuits::compile(model, lemma_circuits::plan::Scheme::Kzg) {
            Err(e) => println!("PLAN {path}: {e}"),
            Ok(c) => {
                let l = c.layout();
                println!(
                    "ok {path}: k {} rows {} units {:.1} in {:.1?}",
                    c.k(),
                    l.rows(),
                    l.cost().units(),
                    start.elapsed()
                )
            }
        }
    }
}
