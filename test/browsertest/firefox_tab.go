//go:build unix

package browsertest

import (
	"context"
	"errors"
	"fmt"
	"testing"
)

// A firefoxTab is the Tab of Firefox. Its methods are safe for concurrent use.
type firefoxTab struct {
	t       testing.TB
	session *session
	id      string
}

// openTab opens a tab, or a window with a tab, as kind says. Its page is about:blank.
func (s *session) openTab(ctx context.Context, t testing.TB, kind string) (*firefoxTab, error) {
	for {
		var made struct{ Context string }
		err := s.command(ctx, "browsingContext.create", map[string]any{"type": kind}, &made)
		// Firefox waits until the tab before is hidden, and fails if that one is closed meanwhile.
		if refused := (commandError{}); errors.As(err, &refused) && refused.code == "no such frame" {
			continue
		}
		return &firefoxTab{t, s, made.Context}, err
	}
}

// command runs a command with parameters that include the tab's context.
func (tab *firefoxTab) command(method string, params map[string]any, result any) error {
	ctx, cancel := context.WithTimeout(context.Background(), commandLimit)
	defer cancel()
	params["context"] = tab.id
	return tab.session.command(ctx, method, params, result)
}

func (tab *firefoxTab) Navigate(url string) {
	tab.t.Helper()
	if err := tab.command("browsingContext.navigate", map[string]any{"url": url, "wait": "complete"}, nil); err != nil {
		tab.t.Fatalf("open %s: %v", url, err)
	}
}

func (tab *firefoxTab) Click(selector string) {
	tab.t.Helper()
	var found struct{ Nodes []struct{ SharedID string } }
	err := tab.command("browsingContext.locateNodes", map[string]any{"locator": map[string]any{"type": "css", "value": selector}, "maxNodeCount": 1}, &found)
	if err == nil && len(found.Nodes) == 0 {
		err = errors.New("the page has no such element")
	}
	if err == nil {
		err = tab.clickNode(map[string]any{"sharedId": found.Nodes[0].SharedID})
	}
	if err != nil {
		tab.t.Fatalf("click on %s: %v", selector, err)
	}
}

// clickNode scrolls to a node, because the pointer can't leave the window, and clicks on it.
func (tab *firefoxTab) clickNode(node map[string]any) error {
	err := tab.command("script.callFunction", map[string]any{
		"functionDeclaration": "e => e.scrollIntoView({ block: 'nearest', behavior: 'instant' })", "arguments": []any{node},
		"target": map[string]any{"context": tab.id}, "awaitPromise": false}, nil)
	if err != nil {
		return err
	}
	return tab.command("input.performActions", map[string]any{"actions": []any{map[string]any{
		"type": "pointer", "id": "mouse", "actions": []any{
			map[string]any{"type": "pointerMove", "x": 0, "y": 0, "origin": map[string]any{"type": "element", "element": node}},
			map[string]any{"type": "pointerDown", "button": 0},
			map[string]any{"type": "pointerUp", "button": 0},
		},
	}}}, nil)
}

func (tab *firefoxTab) Evaluate(js string) (any, error) {
	ctx, cancel := context.WithTimeout(context.Background(), commandLimit)
	defer cancel()
	var done struct {
		Result           remoteValue
		ExceptionDetails *struct{ Text string }
	}
	err := tab.session.command(ctx, "script.evaluate", map[string]any{
		"expression": js, "target": map[string]any{"context": tab.id}, "awaitPromise": true,
	}, &done)
	switch {
	case err != nil:
		return nil, err
	case done.ExceptionDetails != nil:
		return nil, fmt.Errorf("script.evaluate: %s", done.ExceptionDetails.Text)
	}
	return done.Result.decode()
}

func (tab *firefoxTab) Close() {
	tab.t.Helper()
	if err := tab.command("browsingContext.close", map[string]any{}, nil); err != nil {
		tab.t.Fatalf("close a tab: %v", err)
	}
}
