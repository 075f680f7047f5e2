//! One trusted issuer at work: its settings, its keys, and what the claims of its proved tokens mean.

use std::sync::Arc;

use super::claims::{ClaimTexts, Terms};
use super::gaps::{Gap, Gaps};
use super::login::RelyingParty;
use super::report::IssuerReport;
use super::rule::{Facts, Judged};
use super::standing::Standing;
use super::strict_json::Object;
use super::subject::Subject;
use super::validity::Validity;
use super::{
    Claims, IntrospectionClient, Introspector, IssuerSettings, KeySet, Rejection, ScopeMode, SubjectKind, mapping,
};
use crate::shared_sets::SharedSets;

/// One trusted issuer.
pub(super) struct TrustedIssuer {
    pub(super) settings: IssuerSettings,
    pub(super) keys: KeySet,
    introspector: Option<Introspector>,
    pub(super) relying_party: Option<Arc<RelyingParty>>,
    /// For each canonical issuer.
    terms: Vec<Arc<Terms>>,
    sets: SharedSets<String>,
    gaps: Gaps,
    pub(super) standing: Arc<Standing>,
}

impl TrustedIssuer {
    pub(super) fn new(settings: IssuerSettings, keys: KeySet, client: &IntrospectionClient) -> Self {
        let introspector = client.introspector(&settings, &keys);
        let relying_party = RelyingParty::new(&settings, client.provider_client(), client.clock()).map(Arc::new);
        let standing = Arc::new(Standing::new(Arc::clone(keys.in_use())));
        let of = |canonical: &String| Arc::new(terms(&settings, canonical, &standing));
        let terms = settings.canonical_issuers().iter().map(of).collect();
        let (sets, gaps) = Default::default();
        Self { settings, keys, introspector, relying_party, terms, sets, gaps, standing }
    }

    /// How things stand with it.
    pub(super) fn report(&self) -> IssuerReport {
        IssuerReport {
            short_name: self.settings.short_name.clone(),
            verdicts: self.standing.verdicts.counts(),
            signature_checks: self.standing.verdicts.signature_checks(),
            gaps: self.gaps.counts(),
            keys: self.keys.state(),
        }
    }

    /// Who asks the issuer about tokens, if it is asked about any.
    pub(super) fn introspector(&self) -> Option<&Introspector> {
        self.introspector.as_ref()
    }

    /// Who asks the issuer about its JWTs, if it is to be asked.
    pub(super) fn asked_about_jwts(&self) -> Option<&Introspector> {
        self.introspector.as_ref().filter(|introspector| introspector.settings().always)
    }

    /// Who asks the issuer about tokens that say nothing themselves, if it gives out such.
    pub(super) fn asked_about_opaque(&self) -> Option<&Introspector> {
        self.introspector.as_ref().filter(|introspector| introspector.settings().opaque)
    }

    /// Refuses a proved token that does not say what the operator demands of this issuer's tokens.
    pub(super) fn require(&self, claims: &Object<'_>) -> Result<(), Rejection> {
        if self.settings.requirements.is_empty() {
            return Ok(());
        }
        let facts = Facts::of(claims);
        let unmet = self.settings.requirements.iter().find(|required| required.when.judge(&facts) != Judged::Holds);
        unmet.map_or(Ok(()), |required| Err(Rejection::RequirementUnmet(Arc::clone(&required.message))))
    }

    /// What the claims of a proved token mean. `terms` are those of the issuer that it names.
    pub(super) fn interpret(
        &self,
        terms: Arc<Terms>,
        claims: &Object<'_>,
        subject: Subject<'_>,
        validity: Validity,
    ) -> Claims {
        let settings = &self.settings;
        let Subject { kind, name, client_id } = subject;
        let profile = mapping::profile(claims, &settings.mapping);
        Claims {
            scopes: self.sets.share(self.scopes(claims, kind)),
            roles: self.sets.share(self.roles(claims, kind)),
            terms,
            kind,
            first_party: client_id.is_some_and(|client| settings.first_party_clients.contains(client)),
            email_verified: profile.email_verified,
            texts: ClaimTexts::new(name, client_id, &profile),
            issued_at: validity.issued_at,
            expires_at: validity.expires_at,
        }
    }

    /// How the operator wants the tokens of this canonical issuer to be taken, shared.
    pub(super) fn terms_of(&self, canonical: &str) -> Arc<Terms> {
        let known = self.terms.iter().find(|terms| &*terms.issuer == canonical);
        known.map_or_else(|| Arc::new(terms(&self.settings, canonical, &self.standing)), Arc::clone)
    }

    /// The terms of its one canonical issuer; `None` where it has several.
    pub(super) fn only_terms(&self) -> Option<&Arc<Terms>> {
        match self.terms.as_slice() {
            [only] => Some(only),
            _ => None,
        }
    }

    /// How many scopes and roles these claims would hold if they were proved; none where they name nobody.
    #[cfg(feature = "dev")]
    pub(super) fn count_names(&self, terms: &Arc<Terms>, unproved: &Object<'_>) -> usize {
        let subject = Subject::read(unproved, &self.settings.mapping);
        let validity = Validity { expires_at: chrono::DateTime::UNIX_EPOCH, not_before: None, issued_at: None };
        subject.map_or(0, |subject| {
            let read = self.interpret(Arc::clone(terms), unproved, subject, validity);
            read.scopes.len() + read.roles.len()
        })
    }

    fn scopes<'a>(&self, claims: &'a Object<'a>, kind: SubjectKind) -> Vec<&'a str> {
        let places = match (&self.settings.mapping.machine_scopes, kind) {
            (Some(place), SubjectKind::Machine) => std::slice::from_ref(place),
            _ => &self.settings.mapping.scopes,
        };
        let scopes = mapping::scopes(claims, places, &self.settings.scope_prefix);
        match self.settings.scope_mode {
            ScopeMode::Intersect => self.or_nothing("scopes", scopes),
            // Nobody waits for them, so it is no loss where there are none.
            ScopeMode::RolesOnly => scopes.unwrap_or_default(),
        }
    }

    fn roles<'a>(&'a self, claims: &'a Object<'a>, kind: SubjectKind) -> Vec<&'a str> {
        let places = &self.settings.mapping.roles;
        // What is a program's scope must not be its role as well.
        let delegates =
            |place| kind == SubjectKind::Machine && self.settings.mapping.machine_scopes.as_ref() == Some(place);
        let named = places.iter().filter(|place| !delegates(place));
        let named = named.flat_map(|place| {
            self.or_nothing(place, mapping::roles(claims, place, self.settings.mapping.roles_separator))
        });
        named.chain(self.ruled_roles(claims)).collect()
    }

    fn ruled_roles(&self, claims: &Object<'_>) -> Vec<&str> {
        let rules = &self.settings.mapping.role_rules;
        if rules.is_empty() {
            return Vec::new();
        }
        let facts = Facts::of(claims);
        let given = rules.iter().filter_map(|rule| match rule.when.judge(&facts) {
            Judged::Holds => Some(rule.role.as_str()),
            Judged::DoesNotHold => None,
            Judged::Absent(claim) => self.nothing(&rule.role, mapping::absent_or_cut_off(claims, &claim)),
            Judged::Malformed => self.nothing(&rule.role, Gap::Malformed),
        });
        given.collect()
    }

    fn or_nothing<'a>(&self, claim: impl std::fmt::Display, found: Result<Vec<&'a str>, Gap>) -> Vec<&'a str> {
        found.unwrap_or_else(|gap| {
            self.gaps.note(&self.settings.short_name, claim, gap);
            Vec::new()
        })
    }

    fn nothing<T>(&self, role: &str, gap: Gap) -> Option<T> {
        self.gaps.note(&self.settings.short_name, format_args!("of the rule for role {role}"), gap);
        None
    }
}

fn terms(settings: &IssuerSettings, canonical: &str, standing: &Arc<Standing>) -> Terms {
    Terms {
        issuer: canonical.into(),
        issuer_name: settings.short_name.as_str().into(),
        scope_prefix: settings.scope_prefix.as_str().into(),
        scopes_unused: settings.scope_mode == ScopeMode::RolesOnly,
        administrative_roles: settings.mapping.administrative_roles.clone(),
        jit: settings.jit,
        standing: Arc::clone(standing),
    }
}
