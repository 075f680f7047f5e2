//! Case folding. It happens only here, so that both databases, which compare bytes, give the same results.

/// Returns the case-folded text.
pub fn fold(text: &str) -> String {
    text.to_lowercase()
}
