package page

import (
	"slices"
	"strings"

	"github.com/dop251/goja"
)

// A node is the slots of a Node: the document, an element or a text.
type node struct {
	eventTarget
	up       *node
	children []*node
	element  *element // nil of others
	data     string   // of a text
}

func (n *node) events() *eventTarget { return &n.eventTarget }
func (n *node) tree() *node          { return n }

// A treeNode is a platform object that is a Node.
type treeNode interface{ tree() *node }

// holds is DOM, "inclusive descendant".
func (n *node) holds(other *node) bool {
	for ; other != nil; other = other.up {
		if other == n {
			return true
		}
	}
	return false
}

// walk visits the node and its descendants in tree order until visit returns false.
func (n *node) walk(visit func(*node) bool) {
	for stack := []*node{n}; len(stack) > 0; {
		top := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if !visit(top) {
			return
		}
		for _, child := range slices.Backward(top.children) {
			stack = append(stack, child)
		}
	}
}

// first is the first inclusive descendant that is such an element, or nil.
func (n *node) first(such func(*element) bool) (found *element) {
	n.walk(func(n *node) bool {
		if n.element != nil && such(n.element) {
			found = n.element
		}
		return found == nil
	})
	return found
}

// child is the first child with one of the names, or nil.
func (n *node) child(names ...string) *element {
	for _, c := range n.children {
		if c.element != nil && (len(names) == 0 || slices.Contains(names, c.element.name)) {
			return c.element
		}
	}
	return nil
}

func (n *node) text() string {
	var b strings.Builder
	n.walk(func(n *node) bool { b.WriteString(n.data); return true })
	return b.String()
}

func (rt *realm) newText(s string) *node {
	n := &node{data: s}
	n.object = rt.make("Text", n)
	return n
}

// node is an argument that must be a Node.
func (c call) node(i int) *node {
	n, ok := c.implOf(c.arg(i)).(treeNode)
	if !ok {
		panic(c.fail("parameter %d is not of type 'Node'.", i+1))
	}
	return n.tree()
}

// insert is DOM, "pre-insert"; a nil before is the end.
func (c call) insert(parent, n, before *node) {
	document := &c.page.document.node
	isText := n.element == nil && n != document
	switch {
	case parent.element == nil && parent != document, n == document, n.holds(parent),
		parent == document && (isText || document.child() != nil && document.child() != n.element):
		panic(c.domError("HierarchyRequestError", "Failed to %s: the node can't be there.", c.what))
	case before != nil && before.up != parent:
		panic(c.domError("NotFoundError", "Failed to %s: the node before which it is to be inserted is not a child of this node.", c.what))
	case before == n:
		return
	}
	c.remove(n)
	at := len(parent.children)
	if before != nil {
		at = slices.Index(parent.children, before)
	}
	parent.children = slices.Insert(parent.children, at, n)
	n.up, n.parent = parent, &parent.eventTarget
	if document.holds(n) {
		c.page.connected(n)
	}
}

// remove is DOM, "remove".
func (rt *realm) remove(n *node) {
	if n.up == nil {
		return
	}
	n.up.children = slices.DeleteFunc(n.up.children, func(c *node) bool { return c == n })
	n.up, n.parent = nil, nil
	rt.page.baseChanged(n)
}

// connected is what elements do when they come to the document.
func (p *Page) connected(n *node) {
	n.walk(func(n *node) bool {
		if n.element != nil && slices.Contains([]string{"script", "iframe", "img", "link", "meta"}, n.element.name) {
			p.console("warn", "a "+n.element.name+" element does nothing in this page")
		}
		return true
	})
	p.baseChanged(n)
}

// defineNodes is DOM, "Interface Node" and "Interface Text".
func (rt *realm) defineNodes() {
	i := rt.define("Node", "EventTarget", 0, nil)
	object := func(n *node) any {
		if n == nil {
			return goja.Null()
		}
		return n.object
	}
	for n, name := range map[int]string{1: "ELEMENT_NODE", 3: "TEXT_NODE", 9: "DOCUMENT_NODE"} {
		i.constant(name, n)
	}
	kind := func(t treeNode) (int, string) {
		switch n := t.tree(); {
		case n.element != nil:
			return 1, strings.ToUpper(n.element.name)
		case n == &rt.page.document.node:
			return 9, "#document"
		}
		return 3, "#text"
	}
	getter(i, "nodeType", func(t treeNode) any { n, _ := kind(t); return n })
	getter(i, "nodeName", func(t treeNode) any { _, name := kind(t); return name })
	getter(i, "ownerDocument", func(t treeNode) any {
		if t.tree() == &rt.page.document.node {
			return goja.Null()
		}
		return rt.page.document.object
	})
	getter(i, "isConnected", func(t treeNode) any { return rt.page.document.holds(t.tree()) })
	getter(i, "parentNode", func(t treeNode) any { return object(t.tree().up) })
	getter(i, "parentElement", func(t treeNode) any {
		if up := t.tree().up; up != nil && up.element != nil {
			return up.object
		}
		return goja.Null()
	})
	getter(i, "firstChild", func(t treeNode) any {
		if c := t.tree().children; len(c) > 0 {
			return c[0].object
		}
		return goja.Null()
	})
	method(i, "contains", 1, func(t treeNode, c call) any {
		if goja.IsNull(c.arg(0)) || goja.IsUndefined(c.arg(0)) {
			return false
		}
		return t.tree().holds(c.node(0))
	})
	method(i, "appendChild", 1, func(t treeNode, c call) any {
		c.insert(t.tree(), c.node(0), nil)
		return c.arg(0)
	})
	method(i, "insertBefore", 2, func(t treeNode, c call) any {
		n, before := c.node(0), (*node)(nil)
		if !goja.IsNull(c.arg(1)) && !goja.IsUndefined(c.arg(1)) {
			before = c.node(1)
		}
		c.insert(t.tree(), n, before)
		return c.arg(0)
	})
	method(i, "removeChild", 1, func(t treeNode, c call) any {
		n := c.node(0)
		if n.up != t.tree() {
			panic(rt.domError("NotFoundError", "Failed to %s: it is not a child of this node.", c.what))
		}
		rt.remove(n)
		return c.arg(0)
	})
	attribute(i, "textContent", func(t treeNode) any {
		if t.tree() == &rt.page.document.node {
			return goja.Null()
		}
		return t.tree().text()
	}, func(t treeNode, c call) {
		n, s := t.tree(), ""
		if !goja.IsNull(c.arg(0)) {
			s = c.dom(0).String()
		}
		switch {
		case n.element != nil:
			for len(n.children) > 0 {
				rt.remove(n.children[0])
			}
			if s != "" {
				c.insert(n, rt.newText(s), nil)
			}
		case n != &rt.page.document.node:
			n.data = s
		}
	})
	rt.define("Text", "Node", 0, func(c call) any {
		n := &node{}
		if c.given(0) {
			n.data = c.dom(0).String()
		}
		n.object = c.this
		return n
	})
}

// parentMethods are DOM, "Interface ParentNode".
func parentMethods[T treeNode](i *iface) {
	insert := func(t T, c call, before *node) {
		for n, v := range c.args {
			if _, ok := c.implOf(v).(treeNode); ok {
				c.insert(t.tree(), c.node(n), before)
			} else {
				c.insert(t.tree(), c.newText(c.dom(n).String()), before)
			}
		}
	}
	method(i, "append", 0, func(t T, c call) any { insert(t, c, nil); return nil })
	method(i, "prepend", 0, func(t T, c call) any {
		var before *node
		if children := t.tree().children; len(children) > 0 {
			before = children[0]
		}
		insert(t, c, before)
		return nil
	})
	// A selector is a name or an ID here; there is nothing of others.
	method(i, "querySelector", 1, func(t T, c call) any {
		s := c.dom(0).String()
		id, isID := strings.CutPrefix(s, "#")
		found := t.tree().first(func(e *element) bool {
			return &e.node != t.tree() && (isID && id != "" && e.attribute("id") == id || e.name == strings.ToLower(s))
		})
		return elementOrNull(found)
	})
}

func elementOrNull(e *element) any {
	if e == nil {
		return goja.Null()
	}
	return e.object
}
