// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bufio"
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/winrm"
)

// settings are the settings of doctor.
type settings struct {
	winrm.Config
	options       options
	json          bool
	timeout       time.Duration
	passwordStdin bool
}

// options are the parameters of the script.
type options struct {
	ImagePath string `json:"ImagePath,omitempty"`
	VMPath    string `json:"VMPath,omitempty"`
	Full      bool   `json:"Full,omitempty"`
	Cluster   bool   `json:"Cluster,omitempty"`
	SkipTPM   bool   `json:"SkipTpm,omitempty"`
}

// settings returns the settings of the command line and the environment. The names of variables are those of the provider.
func (c command) settings(args []string) (*settings, error) {
	s := &settings{}
	flags := flag.NewFlagSet("doctor", flag.ContinueOnError)
	text := func(to *string, name, variable, description string) {
		flags.StringVar(to, name, c.getenv(variable), description+" (default $"+variable+")")
	}
	text(&s.Address, "host", "HYPERVVM_HOST", "DNS name or IP address of the `host`")
	port := flags.String("port", c.getenv("HYPERVVM_PORT"), "`port` of WinRM (default $HYPERVVM_PORT, or 5986 with TLS and 5985 without)")
	useTLS := flags.String("use-tls", cmp.Or(c.getenv("HYPERVVM_USE_TLS"), "true"), "`true or false`: connect with TLS (default $HYPERVVM_USE_TLS)")
	insecure := flags.String("insecure", cmp.Or(c.getenv("HYPERVVM_INSECURE"), "false"), "`true or false`: do not verify the certificate of the host (default $HYPERVVM_INSECURE)")
	s.CACert, s.ClientCert = []byte(c.getenv("HYPERVVM_CA_CERT")), []byte(c.getenv("HYPERVVM_CLIENT_CERT"))
	flags.Func("ca-cert", "PEM `file` with the certificate authorities to trust (default $HYPERVVM_CA_CERT, which contains them)", readInto(&s.CACert))
	text(&s.TLSServerName, "tls-server-name", "HYPERVVM_TLS_SERVER_NAME", "`name` that the certificate of the host must contain")
	auth := flags.String("auth", cmp.Or(c.getenv("HYPERVVM_AUTH"), string(winrm.AuthNTLM)), "authentication `method`: ntlm, kerberos, certificate or basic (default $HYPERVVM_AUTH)")
	text(&s.Username, "username", "HYPERVVM_USERNAME", "`name` of the account")
	flags.BoolVar(&s.passwordStdin, "password-stdin", false, "read the password from the first line of standard input (default $HYPERVVM_PASSWORD)")
	text(&s.Kerberos.Realm, "krb5-realm", "HYPERVVM_KRB5_REALM", "Kerberos `realm` of the account")
	text(&s.Kerberos.ConfigFile, "krb5-conf", "HYPERVVM_KRB5_CONF", "Kerberos configuration `file`")
	text(&s.Kerberos.CCache, "krb5-ccache", "HYPERVVM_KRB5_CCACHE", "Kerberos credential cache `file`")
	text(&s.Kerberos.SPN, "krb5-spn", "HYPERVVM_KRB5_SPN", "Kerberos service principal `name` of the host")
	flags.Func("client-cert", "PEM `file` of the client certificate (default $HYPERVVM_CLIENT_CERT, which contains it)", readInto(&s.ClientCert))
	text(&s.options.ImagePath, "image-path", "HYPERVVM_IMAGE_PATH", "`folder` of images on the host")
	text(&s.options.VMPath, "vm-path", "HYPERVVM_VM_PATH", "`folder` of virtual machines on the host")
	flags.BoolVar(&s.options.Full, "full", false, "also create a small virtual machine, perform each step of a job on it, and remove it")
	flags.BoolVar(&s.options.Cluster, "cluster", false, "with -full: also make the virtual machine a role of the cluster")
	flags.BoolVar(&s.options.SkipTPM, "skip-tpm", false, "with -full: leave out the virtual TPM")
	flags.BoolVar(&s.json, "json", false, "print one JSON object per line")
	flags.DurationVar(&s.timeout, "timeout", 10*time.Minute, "time limit of the whole check")
	if err := c.parse(flags, args); err != nil {
		return nil, err
	}
	s.Auth, s.Password = winrm.Auth(*auth), c.getenv("HYPERVVM_PASSWORD")
	s.Proxy, s.ClientKey = c.getenv("HYPERVVM_PROXY_URL"), []byte(c.getenv("HYPERVVM_CLIENT_KEY"))
	if err := s.parse(*port, *useTLS, *insecure); err != nil {
		return nil, err
	}
	if s.passwordStdin {
		var err error
		if s.Password, err = readPassword(c.stdin); err != nil {
			return nil, err
		}
	}
	return s, s.check()
}

// parse sets the settings that are not text.
func (s *settings) parse(port, useTLS, insecure string) error {
	var err error
	if port != "" {
		if s.Port, err = strconv.Atoi(port); err != nil {
			return fmt.Errorf("port %q is not a number: %w", port, errUsage)
		}
	}
	if s.TLS, err = strconv.ParseBool(useTLS); err != nil {
		return fmt.Errorf("use-tls %q is not a boolean: %w", useTLS, errUsage)
	}
	if s.Insecure, err = strconv.ParseBool(insecure); err != nil {
		return fmt.Errorf("insecure %q is not a boolean: %w", insecure, errUsage)
	}
	s.AllowClearBasic = s.Insecure
	return nil
}

// check returns an error for settings that do not make a connection, in the words of the command line.
func (s *settings) check() error {
	if s.Address == "" {
		return fmt.Errorf("no host: set -host or HYPERVVM_HOST: %w", errUsage)
	}
	var missing []string
	for _, p := range s.Problems() {
		if !p.Missing {
			continue
		}
		switch p.Field {
		case "Username":
			missing = append(missing, "the account: set -username or HYPERVVM_USERNAME")
		case "Password":
			missing = append(missing, "the password: set HYPERVVM_PASSWORD, or -password-stdin")
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("missing %s: %w", strings.Join(missing, "; missing "), errUsage)
	}
	return s.Validate()
}

// readPassword returns the first line of r.
func readPassword(r io.Reader) (string, error) {
	line, err := bufio.NewReader(r).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("read the password from standard input: %w", err)
	}
	if line = strings.TrimRight(line, "\r\n"); line == "" {
		return "", errors.New("the first line of standard input is empty: -password-stdin reads the password from it")
	}
	return line, nil
}

// readInto returns a flag function that reads a file.
func readInto(to *[]byte) func(path string) error {
	return func(path string) (err error) {
		*to, err = os.ReadFile(path)
		return err
	}
}
