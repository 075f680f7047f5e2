//! Several short texts in one piece of memory: what is kept of each of a hundred thousand tokens had better be small.

/// `N` texts, each of which may be absent. An empty one counts as absent.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Texts<const N: usize> {
    all: Box<str>,
    /// Where each ends; it begins where the one before ends.
    ends: [u16; N],
}

impl<const N: usize> Texts<N> {
    /// Keeps `texts`, which are the claims of one token, each of bounded length.
    pub(super) fn new(texts: [Option<&str>; N]) -> Self {
        let mut all = String::with_capacity(texts.iter().flatten().map(|text| text.len()).sum());
        let ends = texts.map(|text| {
            all.push_str(text.unwrap_or_default());
            u16::try_from(all.len()).expect("a few texts of 255 characters are short")
        });
        Self { all: all.into_boxed_str(), ends }
    }

    /// The text at this place.
    pub(super) fn get(&self, place: usize) -> Option<&str> {
        let end = *self.ends.get(place)?;
        let start = place.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or_default();
        self.all.get(usize::from(start)..usize::from(end)).filter(|text| !text.is_empty())
    }

    /// How many bytes they have together.
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_text_is_found_at_its_place_and_no_other() {
        let texts = Texts::new([None, Some("é"), None, Some("two"), Some("")]);
        assert_eq!([0, 1, 2, 3, 4, 5].map(|place| texts.get(place)), [None, Some("é"), None, Some("two"), None, None]);
        assert_eq!(texts.len(), 5);
    }

    #[test]
    fn as_many_as_a_token_may_have_of_the_longest_fit() {
        let longest = "\u{10ffff}".repeat(255);
        let texts = Texts::new([Some(longest.as_str()); 8]);
        assert!((0..8).all(|place| texts.get(place) == Some(&longest)));
    }
}
