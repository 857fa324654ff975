//! Ceremonies this source knows by name.
//!
//! That a key is not marked as resting on a string drawn on one machine is the word of whoever made the file. What cannot be claimed is
//! the secret's image: it names the string, and only a string whose image stands here is called by a ceremony's name. An entry needs the
//! image from something published under that name.

use super::SrsId;

/// Digest of the secret's image, and what its string is called.
const KNOWN: [(&str, &str); 2] = [
    // `X_2` of the PLONK verifiers that snarkjs writes for powersOfTau28_hez_final.
    (
        "3d7dc92f74d58691401c3c69f94fb722eff63a875a7359db64544c415aa0a60b",
        "Perpetual Powers of Tau, as in powersOfTau28_hez_final",
    ),
    // The second point of the second group in the PLONK keys of the crate sp1-verifier, versions 4.0.0 to 6.10.0, made with gnark.
    (
        "111f24bc1ce603e7b1ec5d240da3df02b26958ab406d01c926841ecc33d1d949",
        "the string of the PLONK keys of SP1",
    ),
];

/// What a string is called that this source does not know.
pub const UNKNOWN_CEREMONY: &str = "unknown ceremony";

impl SrsId {
    /// The ceremony the string comes from, if this source knows it.
    pub fn ceremony(self) -> Option<&'static str> {
        let id = self.to_string();
        KNOWN.into_iter().find_map(|(known, name)| (known == id).then_some(name))
    }
}

#[cfg(test)]
mod tests {
    use ff::PrimeField;
    use halo2_proofs::halo2curves::{
        CurveAffine,
        bn256::{Fq, Fq2, Fr, G2Affine},
        group::Curve,
    };

    use super::{
        super::{KzgSetup, check_secret_image},
        *,
    };

    /// `c0`, `c1` of x, then of y, in decimal digits.
    const IMAGES: [[&str; 4]; KNOWN.len()] = [
        [
            "21831381940315734285607113342023901060522397560371972897001948545212302161822",
            "17231025384763736816414546592865244497437017442647097510447326538965263639101",
            "2388026358213174446665280700919698872609886601280537296205114254867301080648",
            "11507326595632554467052522095592665270651932854513688777769618397986436103170",
        ],
        [
            "19089565590083334368588890253123139704298730990782503769911324779715431555531",
            "15805639136721018565402881920352193254830339253282065586954346329754995870280",
            "6779728121489434657638426458390319301070371227460768374343986326751507916979",
            "9779648407879205346559610309258181044130619080926897934572699915909528404984",
        ],
    ];

    #[test]
    fn pinned_ids_are_those_of_the_published_points() {
        for (image, (id, name)) in IMAGES.iter().zip(KNOWN) {
            let [x0, x1, y0, y1] = image.map(|digits| Fq::from_str_vartime(digits).unwrap());
            let point = Option::from(G2Affine::from_xy(Fq2::new(x0, x1), Fq2::new(y0, y1)));
            let point = point.expect("it is on the curve");
            check_secret_image(&point).unwrap();
            let setup = KzgSetup::new(&point, false);
            assert_eq!(setup.srs().to_string(), id, "{name}");
            assert_eq!(setup.srs().ceremony(), Some(name));
        }
    }

    #[test]
    fn a_string_drawn_here_has_no_name() {
        let drawn = KzgSetup::new(&(G2Affine::generator() * Fr::from(7)).to_affine(), false);
        assert_eq!(drawn.srs().ceremony(), None);
    }
}
