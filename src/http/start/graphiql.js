// Starts GraphiQL when its scripts could be loaded; otherwise the page keeps saying why they could not.
if (window.GraphiQL && window.ReactDOM) {
  const fetcher = window.GraphiQL.createFetcher({ url: "/graphql" });
  const root = window.ReactDOM.createRoot(document.getElementById("graphiql"));
  root.render(window.React.createElement(window.GraphiQL, { fetcher, defaultEditorToolsVisibility: "headers" }));
}
