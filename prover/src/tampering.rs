//! The tamper manifest: for every field of what leaves a machine, a lie and the typed refusal that catches it.
//!
//! The lists of fields come from the types. Bundles, statements and headers are taken apart without `..`, so that a field without a name here
//! does not compile; key files are walked through their own serialization. Every list is compared with the manifest's, so that a
//! field without a lie, and a lie about a field that is no more, fail a test. Each lie changes one field of an honest artifact and seals again whatever a
//! forger can seal: lengths, digests, and where it says so the circuit ids of bundle and statement.
//!
//! Headers are in [`lemma_verifier::envelope`]'s tests. Lies about the values of a witness, each with the constraint that catches it, are
//! `lemma_circuits`' own manifest, `soundness::pranks`.

mod bundle;
mod honest;
mod key;
mod tree;
mod vacuous;

/// The names of a type's fields, all of them or it does not compile.
macro_rules! fields {
    ($value:expr, $of:ident { $($field:ident),* $(,)? }) => {{
        let $of { $($field: _),* } = $value;
        vec![$(stringify!($field)),*]
    }};
}
pub(crate) use fields;

/// Every field has a lie, and every lie a field.
pub(crate) fn assert_complete<'a>(
    fields: impl IntoIterator<Item = &'a str>,
    manifest: impl IntoIterator<Item = &'a str>,
) {
    let sorted = |names: Vec<&'a str>| names.into_iter().collect::<std::collections::BTreeSet<_>>();
    let fields = sorted(fields.into_iter().collect());
    let manifest = sorted(manifest.into_iter().collect());
    let without: Vec<_> = fields.difference(&manifest).collect();
    let gone: Vec<_> = manifest.difference(&fields).collect();
    assert!(
        without.is_empty() && gone.is_empty(),
        "fields without a lie: {without:?}; lies about none: {gone:?}"
    );
}
