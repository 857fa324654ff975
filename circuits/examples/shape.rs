fn main() {
    for path in std::env::args().skip(1) {
        let model = lemma_circuits::import::import(&std::fs::read(&path).unwrap(), &path).unwrap();
        let start = std::time::Instant::now();
        let compiled = lemma_circuits::compile(model, lemma_circuits::plan::Scheme::Kzg).unwrap();
        let layout = compiled.layout();
        let s = compiled.shape();
        println!(
            "{path}: {s:?} rows {} units {:.1} cells {}/{} small {} full {} perm {} fixed {} in {:.1?}",
            layout.rows(),
            layout.cost().units(),
            layout.used_cells(),
            layout.all_cells(),
            s.small_columns(),
            s.full_columns(),
            s.num_permutation(),
            s.num_fixed(),
            start.elapsed()
        );
    }
}
