// SPDX-License-Identifier: MPL-2.0

package oidcauth_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/coreos/go-oidc/v3/oidc/oidctest"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/httpapi"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/httpapi/oidcauth"
)

// provider is an OpenID Connect provider of a test.
type provider struct {
	url string
	key *ecdsa.PrivateKey

	answer func(form url.Values) string // returns the token for a code; empty: refused
}

func newProvider(t *testing.T) *provider {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	handler := &oidctest.Server{PublicKeys: []oidctest.PublicKey{{PublicKey: key.Public(), KeyID: "k", Algorithm: oidc.ES256}}, Algorithms: []string{oidc.ES256}}
	p := &provider{key: key}
	mux := http.NewServeMux()
	mux.Handle("/", handler)
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		if token := p.answer(r.PostForm); token != "" {
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(map[string]string{"access_token": "a", "token_type": "Bearer", "id_token": token})
			return
		}
		http.Error(w, "refused", http.StatusBadRequest)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	handler.SetIssuer(server.URL)
	p.url = server.URL
	return p
}

// token returns a valid token with other claims in addition.
func (p *provider) token(t *testing.T, key *ecdsa.PrivateKey, claims map[string]any) string {
	t.Helper()
	all := map[string]any{"iss": p.url, "aud": "hvprovd", "sub": "s-1", "exp": time.Now().Add(time.Hour).Unix()}
	maps.Copy(all, claims)
	text, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return oidctest.SignIDToken(key, "k", oidc.ES256, string(text))
}

func authenticate(t *testing.T, a httpapi.Authenticator, token string) (*httpapi.Identity, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	return a.Authenticate(r)
}

func TestClaimsAreMappedToRoles(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	for name, tt := range map[string]struct {
		claims map[string]any
		change func(*oidcauth.Config)
		want   httpapi.Identity
	}{
		"the highest of several groups": {claims: map[string]any{"groups": []string{"ops", "staff", "x"}, "preferred_username": "ann"}, want: httpapi.Identity{Name: "ann", Role: httpapi.RoleWriter}},
		"a group as text":               {claims: map[string]any{"groups": "staff", "email": "ann@lab.example"}, want: httpapi.Identity{Name: "ann@lab.example", Role: httpapi.RoleReader}},
		"no group":                      {claims: map[string]any{}, want: httpapi.Identity{Name: "s-1"}},
		"a claim within another": {
			claims: map[string]any{"realm_access": map[string]any{"roles": []string{"ops"}}, "name": "Ann"},
			change: func(c *oidcauth.Config) { c.RoleClaim, c.NameClaim = "realm_access.roles", "name" },
			want:   httpapi.Identity{Name: "Ann", Role: httpapi.RoleWriter},
		},
		"a claim with dots in its name": {
			claims: map[string]any{"lab.example.roles": "ops"}, change: func(c *oidcauth.Config) { c.RoleClaim = "lab.example.roles" },
			want: httpapi.Identity{Name: "s-1", Role: httpapi.RoleWriter},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := oidcauth.Config{Issuer: p.url, Audience: "hvprovd", Roles: map[string]httpapi.Role{"ops": httpapi.RoleWriter, "staff": httpapi.RoleReader}}
			if tt.change != nil {
				tt.change(&config)
			}
			a, err := oidcauth.New(t.Context(), config)
			if err != nil {
				t.Fatal(err)
			}
			if who, err := authenticate(t, a, p.token(t, p.key, tt.claims)); err != nil || *who != tt.want {
				t.Errorf("got %+v, %v, want %+v", who, err, tt.want)
			}
		})
	}
}

func TestATokenThatIsNotValidIsRefused(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	a, err := oidcauth.New(t.Context(), oidcauth.Config{Issuer: p.url, Audience: "hvprovd", Roles: map[string]httpapi.Role{"ops": httpapi.RoleWriter}})
	if err != nil {
		t.Fatal(err)
	}
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, token := range map[string]string{
		"another audience": p.token(t, p.key, map[string]any{"aud": "other"}),
		"another issuer":   p.token(t, p.key, map[string]any{"iss": "https://id.lab.example"}),
		"expired":          p.token(t, p.key, map[string]any{"exp": time.Now().Add(-time.Hour).Unix()}),
		"another key":      p.token(t, other, nil),
		"no signature":     "eyJhbGciOiJub25lIn0.eyJzdWIiOiJzLTEifQ.",
		"no token":         "a.b.c",
	} {
		if who, err := authenticate(t, a, token); !errors.Is(err, httpapi.ErrCredentials) {
			t.Errorf("%s: %+v, %v", name, who, err)
		}
	}
	if who, err := authenticate(t, a, "hvp_of_a_token_file"); who != nil || err != nil {
		t.Errorf("another kind of token: %+v, %v", who, err)
	}
}

func TestAConfigurationThatCannotWorkIsAnError(t *testing.T) {
	t.Parallel()
	if _, err := oidcauth.New(t.Context(), oidcauth.Config{Issuer: "https://id.lab.example"}); err == nil {
		t.Error("no audience and no roles")
	}
	if _, err := oidcauth.New(t.Context(), oidcauth.Config{Issuer: "http://127.0.0.1:1", Audience: "a", Roles: map[string]httpapi.Role{"a": httpapi.RoleReader}}); err == nil {
		t.Error("a provider that does not answer")
	}
}

func TestAPersonSignsInAtTheProvider(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	a, err := oidcauth.New(t.Context(), oidcauth.Config{Issuer: p.url, Audience: "hvprovd", ClientSecret: "not a real one", Roles: map[string]httpapi.Role{"ops": httpapi.RoleWriter}})
	if err != nil {
		t.Fatal(err)
	}
	login, ok := a.(httpapi.Login)
	if !ok {
		t.Fatal("the authenticator has no login")
	}
	const redirect, verifier = "https://hvprovd.lab.example/api/v1/session/callback", "verifier-of-at-least-forty-three-characters-0"
	sent, err := url.Parse(login.LoginURL(redirect, "state-1", verifier))
	if err != nil {
		t.Fatal(err)
	}
	asked := sent.Query()
	for name, want := range map[string]string{"client_id": "hvprovd", "redirect_uri": redirect, "state": "state-1", "code_challenge_method": "S256", "response_type": "code"} {
		if asked.Get(name) != want {
			t.Errorf("%s is %q, want %q", name, asked.Get(name), want)
		}
	}
	if strings.Contains(sent.String(), verifier) || asked.Get("code_challenge") == "" || !strings.Contains(asked.Get("scope"), "openid") {
		t.Errorf("sent to %s", sent)
	}
	p.answer = func(form url.Values) string {
		if challenge := sha256.Sum256([]byte(form.Get("code_verifier"))); base64.RawURLEncoding.EncodeToString(challenge[:]) != asked.Get("code_challenge") || form.Get("code") != "code-1" {
			return ""
		}
		return p.token(t, p.key, map[string]any{"groups": []string{"ops"}, "nonce": asked.Get("nonce")})
	}
	token, err := login.Exchange(t.Context(), redirect, "code-1", verifier)
	if err != nil {
		t.Fatal(err)
	}
	if who, err := authenticate(t, a, token); err != nil || who.Role != httpapi.RoleWriter {
		t.Errorf("got %+v, %v", who, err)
	}
	if _, err := login.Exchange(t.Context(), redirect, "code-1", "another-verifier-of-forty-three-characters-00"); err == nil {
		t.Error("another verifier is accepted")
	}
	p.answer = func(url.Values) string { return p.token(t, p.key, map[string]any{"nonce": "of another sign-in"}) }
	if _, err := login.Exchange(t.Context(), redirect, "code-1", verifier); err == nil {
		t.Error("a token of another sign-in is accepted")
	}
}
