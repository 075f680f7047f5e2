//! What a sender says of the trace that its request belongs to (W3C Trace Context, `traceparent`).

/// A parent that is spelt right.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct TraceParent<'a> {
    /// 32 digits that are not all zero.
    pub(crate) trace_id: &'a str,
    /// The span that the request came of: 16 digits that are not all zero.
    pub(crate) span_id: &'a str,
    /// Two digits: whether the trace is recorded, above all.
    pub(crate) flags: &'a str,
}

impl<'a> TraceParent<'a> {
    /// Reads the field's value.
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.split('-');
        let (version, trace_id, span_id, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let is_hex = |part: &str, length| {
            part.len() == length && part.bytes().all(|octet| matches!(octet, b'0'..=b'9' | b'a'..=b'f'))
        };
        let is_some_id = |part: &str, length| is_hex(part, length) && part.bytes().any(|octet| octet != b'0');
        let is_version = is_hex(version, 2) && version != "ff" && (version != "00" || parts.next().is_none());
        let is_right = is_version && is_some_id(trace_id, 32) && is_some_id(span_id, 16) && is_hex(flags, 2);
        is_right.then_some(Self { trace_id, span_id, flags })
    }
}
