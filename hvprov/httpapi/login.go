// SPDX-License-Identifier: MPL-2.0

package httpapi

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Login lets people sign in with a browser at an identity provider, by an authorization code with a proof key (RFC 7636). An
// [Authenticator] may implement it; package oidcauth does.
type Login interface {
	// LoginURL returns the address that the browser is sent to. redirect is where the provider sends it back to, with state.
	LoginURL(redirect, state, verifier string) string
	// Exchange returns the bearer token for a code. The authenticator accepts it.
	Exchange(ctx context.Context, redirect, code, verifier string) (token string, err error)
}

const (
	loginPath    = apiPath + "/session/login"
	callbackPath = apiPath + "/session/callback"

	loginCookie = "hvprov_login"
	loginTime   = 10 * time.Minute // for the browser to come back
)

// login returns the authenticator that people sign in with, or nil.
func (h *Handler) login() Login {
	for _, a := range h.opts.Authenticators {
		if login, ok := a.(Login); ok {
			return login
		}
	}
	return nil
}

var errNoLogin = newProblem("not_found", "the server has no identity provider to sign in with: create a session with a token")

// getLogin sends the browser to the identity provider. The cookie holds what the callback needs: it is readable by this server only, and
// is sent with the navigation back, which a cookie with SameSite=Strict would not be.
func (h *Handler) getLogin(w http.ResponseWriter, r *http.Request) error {
	login := h.login()
	if login == nil {
		return errNoLogin
	}
	values, err := query(r, "return")
	if err != nil {
		return err
	}
	back := values.Get("return")
	if !isLocalPath(back) {
		back = "/"
	}
	state, verifier := rand.Text(), rand.Text()+rand.Text()
	http.SetCookie(w, h.loginCookie(r, state+"."+verifier+"."+base64.RawURLEncoding.EncodeToString([]byte(back)), int(loginTime.Seconds())))
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, login.LoginURL(h.redirect(r), state, verifier), http.StatusFound) //nolint:gosec // the provider checks its parameters
	return nil
}

// getCallback creates a session for a browser that comes back from the identity provider.
func (h *Handler) getCallback(w http.ResponseWriter, r *http.Request) error {
	login := h.login()
	if login == nil {
		return errNoLogin
	}
	if wait := h.limiter.take("address " + addressOf(r)); wait > 0 {
		return tooMany(wait)
	}
	values := r.URL.Query() // providers add parameters
	cookie, err := r.Cookie(loginCookie)
	if err != nil {
		return newProblem("unauthenticated", "the sign-in took too long, or the browser accepts no cookies: sign in again")
	}
	state, rest, _ := strings.Cut(cookie.Value, ".")
	verifier, back, _ := strings.Cut(rest, ".")
	if state == "" || subtle.ConstantTimeCompare([]byte(values.Get("state")), []byte(state)) != 1 {
		return newProblem("unauthenticated", "the sign-in was not begun in this browser: sign in again")
	}
	http.SetCookie(w, h.loginCookie(r, "", -1))
	if values.Get("code") == "" {
		return newProblem("unauthenticated", "the identity provider did not sign you in")
	}
	token, err := login.Exchange(r.Context(), h.redirect(r), values.Get("code"), verifier)
	if err != nil {
		h.logger.Info("sign-in failed", "remote", r.RemoteAddr, "error", err)
		return newProblem("unauthenticated", "the identity provider did not confirm the sign-in: sign in again")
	}
	authorization := "Bearer " + token
	signedIn := r.Clone(r.Context())
	signedIn.Header.Set("Authorization", authorization)
	identity, err := h.authenticate(signedIn)
	if err != nil {
		return err
	}
	callOf(r).identity = identity
	_, id := h.sessions.create(authorization)
	http.SetCookie(w, h.cookie(r, id, int(h.opts.SessionAge.Seconds())))
	w.Header().Set("Cache-Control", "no-store")
	path, err := base64.RawURLEncoding.DecodeString(back)
	if err != nil || !isLocalPath(string(path)) {
		path = []byte("/")
	}
	http.Redirect(w, r, string(path), http.StatusFound) //nolint:gosec // isLocalPath has checked it
	return nil
}

// isLocalPath reports whether a URL reference leads to this server. Browsers take a backslash for a slash.
func isLocalPath(reference string) bool {
	u, err := url.Parse(reference)
	return err == nil && u.Scheme == "" && u.Host == "" && strings.HasPrefix(reference, "/") && !strings.HasPrefix(reference, "//") && !strings.ContainsAny(reference, "\\\r\n\t")
}

// redirect returns the address of the callback.
func (h *Handler) redirect(r *http.Request) string {
	if h.opts.PublicURL != "" {
		return strings.TrimSuffix(h.opts.PublicURL, "/") + callbackPath
	}
	scheme := "http://"
	if r.TLS != nil || h.opts.SecureCookies {
		scheme = "https://"
	}
	return scheme + r.Host + callbackPath
}

func (h *Handler) loginCookie(r *http.Request, value string, maxAge int) *http.Cookie {
	//nolint:gosec // Secure over TLS; without TLS browsers would drop the cookie
	return &http.Cookie{Name: loginCookie, Value: value, Path: apiPath + "/session", MaxAge: maxAge, HttpOnly: true, Secure: r.TLS != nil || h.opts.SecureCookies, SameSite: http.SameSiteLaxMode}
}
