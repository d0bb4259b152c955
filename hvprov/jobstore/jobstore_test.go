// SPDX-License-Identifier: MPL-2.0

package jobstore_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobstore"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobstore/storetest"
)

func TestMemoryImplementsStore(t *testing.T) {
	t.Parallel()
	storetest.Run(t, false, func(*testing.T) jobstore.Store { return &jobstore.Memory{} })
}

func TestEncryptedValuesAreStoredButAreNotPartOfTheJSONForm(t *testing.T) {
	t.Parallel()
	r := jobstore.Record{ID: "a", EncryptedValues: []byte("ciphertext")}
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), "ncrypted") {
		t.Errorf("the JSON form is %s", text)
	}
	stored, err := jobstore.Encode(r)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := jobstore.Decode(stored); err != nil || string(again.EncryptedValues) != "ciphertext" {
		t.Errorf("got %+v, %v", again, err)
	}
}
