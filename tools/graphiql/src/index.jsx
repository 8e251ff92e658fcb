// GraphiQL for Panier. What it starts with comes from `window.__PANIER__`, which the service writes into /graphiql/config.js.
import React from "react";
import { createRoot } from "react-dom/client";
import { GraphiQL } from "graphiql";
import { createGraphiQLFetcher } from "@graphiql/toolkit";
import "graphiql/style.css";

const config = window.__PANIER__;

createRoot(document.getElementById("graphiql")).render(
  <GraphiQL
    fetcher={createGraphiQLFetcher({ url: config.url })}
    defaultHeaders={config.headers}
    defaultQuery={config.query}
    defaultEditorToolsVisibility="headers"
    shouldPersistHeaders={false}
  />,
);
