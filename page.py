import json
o=json.load(open('/tmp/exw/out.json'))
blocks="\n".join(f'<pre class="mermaid">{m.replace("&","&amp;").replace("<","&lt;")}</pre>' for m in o["mermaid"])
open('page.html','w').write(f'<meta charset="utf-8"><script src="node_modules/mermaid/dist/mermaid.min.js"></script>{blocks}<script>mermaid.initialize({{startOnLoad:true}})</script>')
tex="\n".join(f"<div class='m'></div>" for t in o["latex"])
open('tex.html','w').write('<meta charset="utf-8"><link rel=stylesheet href="node_modules/katex/dist/katex.min.css"><script src="node_modules/katex/dist/katex.min.js"></script><body><script>const o='+json.dumps(o["latex"])+';for(const t of o) for (const b of t.split("\\\\end{align*}\\n")) {const d=document.createElement("div"); document.body.append(d); katex.render(b.includes("end{align*}")?b:b+"\\\\end{align*}",d,{displayMode:true,throwOnError:false,fleqn:true})}</script>')
