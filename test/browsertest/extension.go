//go:build unix

package browsertest

import (
	"context"
	"testing"
)

// InstallExtension installs an extension in a Firefox, from its folder (WebDriver BiDi, "webExtension.install").
func InstallExtension(t testing.TB, b Browser, folder string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), commandLimit)
	defer cancel()
	f, ok := b.(*firefox)
	if !ok {
		t.Fatalf("%s takes no extension here", b.Engine())
	}
	data := map[string]any{"type": "path", "path": folder}
	if err := f.session.command(ctx, "webExtension.install", map[string]any{"extensionData": data}, nil); err != nil {
		t.Fatalf("install %s: %v", folder, err)
	}
}
