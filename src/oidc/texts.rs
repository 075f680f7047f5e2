//! Several short strings in one allocation, to keep a hundred thousand cached tokens small.

/// `N` optional strings. An empty string counts as absent.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Texts<const N: usize> {
    all: Box<str>,
    /// The end of each string; it starts at the end of its predecessor.
    ends: [u16; N],
}

impl<const N: usize> Texts<N> {
    /// Copies `texts`, the claims of one token, each of bounded length.
    ///
    /// # Panics
    ///
    /// If their total length exceeds `u16::MAX`.
    pub(super) fn new(texts: [Option<&str>; N]) -> Self {
        let mut all = String::with_capacity(texts.iter().flatten().map(|text| text.len()).sum());
        let ends = texts.map(|text| {
            all.push_str(text.unwrap_or_default());
            u16::try_from(all.len()).expect("claims of at most 255 characters each fit")
        });
        Self { all: all.into_boxed_str(), ends }
    }

    /// The string at this index.
    pub(super) fn get(&self, index: usize) -> Option<&str> {
        let end = *self.ends.get(index)?;
        let start = index.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or_default();
        self.all.get(usize::from(start)..usize::from(end)).filter(|text| !text.is_empty())
    }

    /// The total length in bytes.
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_found_at_its_index_only() {
        let texts = Texts::new([None, Some("é"), None, Some("two"), Some("")]);
        assert_eq!([0, 1, 2, 3, 4, 5].map(|index| texts.get(index)), [None, Some("é"), None, Some("two"), None, None]);
        assert_eq!(texts.len(), 5);
    }

    #[test]
    fn eight_texts_of_maximum_length_fit() {
        let longest = "\u{10ffff}".repeat(255);
        let texts = Texts::new([Some(longest.as_str()); 8]);
        assert!((0..8).all(|index| texts.get(index) == Some(&longest)));
    }
}
